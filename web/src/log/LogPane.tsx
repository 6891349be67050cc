import { Modal, useComputedColorScheme } from '@mantine/core';
import { useLocation, useNavigate } from '@tanstack/react-router';
import { useCallback, useEffect, useRef, useState, type KeyboardEvent as ReactKey } from 'react';
import { query } from '../request';
import { number, t } from '../i18n';
import { socket } from '../socket';
import { Copy, copyText, ProblemPanel } from '../ui/Page';
import { toast, toastProblem } from '../ui/toast';
import { plain } from './ansi';
import { Find, type FindState } from './find';
import css from './pane.module.css';
import { formatRange, parseRange, type Range } from './range';
import { size } from './size';
import { LogSource, logPath, type Place, type Source } from './source';
import { TargetsSource } from './targets';
import { LogViewer, type ViewerWords } from './viewer';

interface Parts {
  source: Source;
  viewer: LogViewer;
  find: Find;
}

interface Shown {
  count: number;
  bytes: number;
  complete: boolean;
  opened: boolean;
  error: unknown;
}

const mostCopied = 200_000;

const words: ViewerWords = {
  showAll: (whole) => t('log.show_all', { size: whole }),
  updates: (n) => t('log.updates', { count: n }),
  stderr: t('log.err'),
  log: t('log.label'),
  line: (n) => t('log.line', { n }),
};

function remembered(key: string): boolean {
  try {
    return localStorage.getItem(`cronium.log.${key}`) === '1';
  } catch {
    return false;
  }
}

function remember(key: string, on: boolean) {
  try {
    localStorage.setItem(`cronium.log.${key}`, on ? '1' : '0');
  } catch {
    /* storage is off: the choice lasts for the page */
  }
}

const typing = (e: KeyboardEvent) =>
  (e.target as HTMLElement).closest('input,textarea,select,[contenteditable],[role=dialog],[role=menu]') !==
  null;

export default function LogPane({
  place,
  job,
  live,
  failed,
}: {
  place: Place;
  job: string;
  live: boolean;
  failed: boolean;
}) {
  const host = useRef<HTMLDivElement>(null);
  const parts = useRef<Parts | null>(null);
  const findBox = useRef<HTMLInputElement>(null);
  const hash = useLocation({ select: (l) => l.hash });
  const navigate = useNavigate();
  const scheme = useComputedColorScheme('light');
  const [shown, setShown] = useState<Shown>({
    count: 0,
    bytes: 0,
    complete: false,
    opened: false,
    error: null,
  });
  const [follow, setFollow] = useState({ following: true, unseen: 0 });
  const [find, setFind] = useState<FindState | null>(null);
  const [wrap, setWrap] = useState(() => remembered('wrap'));
  const [times, setTimes] = useState(() => remembered('times'));
  const [whole, setWhole] = useState<number | null>(null);
  const range = parseRange(hash);

  const select = useCallback(
    (r: Range | null) =>
      void navigate({
        to: '.',
        search: true,
        hash: r ? formatRange(r) : '',
        replace: true,
        resetScroll: false,
        hashScrollIntoView: false,
      }),
    [navigate],
  );

  // The viewer lives outside React: it is made once for a place and told of changes.
  const opening = useRef({ range, end: live || failed, select });
  useEffect(() => {
    opening.current.select = select;
  }, [select]);
  const { project, run, attempt } = place;
  useEffect(() => {
    const el = host.current;
    if (!el) return;
    const where = { project, run, attempt };
    const { range: first, end } = opening.current;
    let frame = 0;
    let told = 0;
    const tell = () => {
      frame = 0;
      told = performance.now();
      const s = source.store;
      setShown((o) => ({ ...o, count: s.count, bytes: s.bytes, complete: s.complete, error: source.error }));
    };
    const changed = () => {
      viewer.changed();
      find.grew();
      // React hears of growth at most ten times a second; rows do not wait for it.
      frame ||= window.setTimeout(tell, Math.max(0, 100 - (performance.now() - told)));
    };
    const source: Source =
      attempt === 0
        ? new TargetsSource(where, () => changed())
        : new LogSource(where, socket, () => changed());
    const find = new Find(
      source.store,
      `${logPath(where)}${query({ attempt })}`.replace(/^/, '/api/v1'),
      () => {
        setFind(find.state);
        viewer.changed();
      },
      () => new Worker(new URL('./find.worker.ts', import.meta.url), { type: 'module' }),
    );
    const viewer = new LogViewer(
      el,
      source.store,
      find,
      words,
      {
        need: (from, to) => source.need(from, to),
        follow: (following, unseen) => setFollow({ following, unseen }),
        select: (r) => opening.current.select(r),
        showAll: setWhole,
      },
      { follow: end && !first },
    );
    parts.current = { source, viewer, find };
    void source.open(first ? first.from : end ? 0 : 1).then(() => {
      if (first) viewer.toLine(Math.min(first.from, Math.max(1, source.store.count)));
      // What was there when it was opened is not new.
      else if (!end) viewer.follow.leave(source.store.count);
      setShown((o) => ({ ...o, opened: true }));
    });
    return () => {
      clearTimeout(frame);
      source.stop();
      find.stop();
      viewer.destroy();
      parts.current = null;
    };
  }, [project, run, attempt]);

  useEffect(() => parts.current?.viewer.setTheme(scheme), [scheme]);
  useEffect(() => parts.current?.viewer.setWrap(wrap), [wrap]);
  useEffect(() => parts.current?.viewer.setTimes(times), [times]);
  const key = range ? formatRange(range) : '';
  useEffect(() => {
    const r = parseRange(key);
    parts.current?.viewer.setRange(r);
    if (r && shown.opened) parts.current?.viewer.reveal(r.from);
  }, [key, shown.opened]);

  const flip = useCallback((what: 'wrap' | 'times') => {
    const set = what === 'wrap' ? setWrap : setTimes;
    set((on) => {
      remember(what, !on);
      return !on;
    });
  }, []);

  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      const ctrlF = (e.ctrlKey || e.metaKey) && e.key === 'f';
      // Ctrl+F is ours only inside the log; pressed in the box it goes to the browser.
      if (ctrlF && host.current?.contains(document.activeElement)) {
        e.preventDefault();
        return findBox.current?.select();
      }
      if (e.ctrlKey || e.metaKey || e.altKey || typing(e)) return;
      if (e.key === '/') {
        e.preventDefault();
        findBox.current?.select();
      } else if (e.key === 'w') flip('wrap');
      else if (e.key === 's') flip('times');
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [flip]);

  return (
    <section className={css.pane} aria-label={t('log.label')}>
      <div className={css.bar}>
        <FindBar box={findBox} state={find} parts={parts} onLine={(n) => select({ from: n, to: n })} />
        <div className={css.tools}>
          <Toggle on={wrap} onClick={() => flip('wrap')} title="w">
            {t('log.wrap')}
          </Toggle>
          <Toggle on={times} onClick={() => flip('times')} title="s">
            {t('log.times')}
          </Toggle>
          <CopyMenu parts={parts} range={range} count={shown.count} />
          <a
            className={css.tool}
            href={`/api/v1${logPath(place)}/raw${query({ attempt: place.attempt || undefined, stream: 'all' })}`}
            download={`${job}-${place.run}.log`}
          >
            {t('log.download')}
          </a>
        </div>
      </div>
      {shown.error ? (
        <ProblemPanel error={shown.error} retry={() => void parts.current?.source.open(0)} />
      ) : null}
      <div className={css.frame} ref={host} data-log data-count={shown.count}>
        {shown.opened && shown.count === 0 && (
          <p className={css.empty}>{t(shown.complete ? 'log.empty' : 'log.waiting')}</p>
        )}
        {!follow.following && (live || follow.unseen > 0) && (
          <button type="button" className={css.pill} onClick={() => parts.current?.viewer.toEnd()}>
            {follow.unseen > 0
              ? t('log.new_lines', { count: follow.unseen, n: number(follow.unseen) })
              : t('log.to_end')}
          </button>
        )}
      </div>
      <div className={css.foot}>
        <span className="num">
          {t('log.lines', { count: shown.count, n: number(shown.count) })}
          {shown.bytes > 0 && ` · ${size(shown.bytes)}`}
        </span>
        <span>{t(shown.complete ? 'log.complete' : follow.following ? 'log.following' : 'log.live')}</span>
        {range && (
          <button type="button" className={css.link} onClick={() => select(null)}>
            {t('log.clear_range', { range: formatRange(range) })}
          </button>
        )}
        <span className={css.ends}>
          <button type="button" className={css.link} onClick={() => parts.current?.viewer.toStart()}>
            {t('log.first')}
          </button>
          <button type="button" className={css.link} onClick={() => parts.current?.viewer.toEnd()}>
            {t('log.last')}
          </button>
        </span>
      </div>
      <Announcer count={shown.count} live={live} />
      {whole !== null && <WholeLine parts={parts} n={whole} onClose={() => setWhole(null)} />}
    </section>
  );
}

function Toggle({
  on,
  onClick,
  title,
  children,
}: {
  on: boolean;
  onClick: () => void;
  title: string;
  children: string;
}) {
  return (
    <button
      type="button"
      className={css.tool}
      aria-pressed={on}
      aria-keyshortcuts={title}
      title={t('log.key', { key: title })}
      onClick={onClick}
    >
      {children}
    </button>
  );
}

type PartsRef = { current: Parts | null };

function FindBar({
  box,
  state,
  parts,
  onLine,
}: {
  box: React.RefObject<HTMLInputElement | null>;
  state: FindState | null;
  parts: PartsRef;
  onLine: (n: number) => void;
}) {
  const [text, setText] = useState('');
  const [regex, setRegex] = useState(false);
  const [caseSensitive, setCase] = useState(false);
  const asked = useRef('');
  const line = /^:(\d+)$/.exec(text);
  useEffect(() => {
    const id = JSON.stringify([text, regex, caseSensitive]);
    if (asked.current === id || (asked.current === '' && text === '')) return;
    const timer = setTimeout(() => {
      asked.current = id;
      const p = parts.current;
      p?.find.start(
        text === '' || text.startsWith(':') ? null : { text, regex, caseSensitive },
        p.viewer.top,
        (n) => p.viewer.reveal(n),
      );
    }, 80);
    return () => clearTimeout(timer);
  }, [text, regex, caseSensitive, parts]);
  const step = (forward: boolean) => {
    const hit = parts.current?.find.next(forward);
    if (hit) parts.current?.viewer.reveal(hit.line);
  };
  const onKey = (e: ReactKey) => {
    if (e.key === 'Enter') {
      e.preventDefault();
      if (line) onLine(Number(line[1]));
      else step(!e.shiftKey);
    } else if (e.key === 'Escape') {
      setText('');
      parts.current?.viewer.scroller.focus();
    } else if (e.altKey && e.code === 'KeyR') {
      e.preventDefault();
      setRegex(!regex);
    } else if (e.altKey && e.code === 'KeyC') {
      e.preventDefault();
      setCase(!caseSensitive);
    }
  };
  const active = state?.query && text !== '';
  return (
    <div className={css.find} role="search">
      <input
        ref={box}
        className={css.findBox}
        type="text"
        value={text}
        placeholder={t('log.find')}
        aria-label={t('log.find')}
        aria-keyshortcuts="/"
        spellCheck={false}
        autoComplete="off"
        onChange={(e) => setText(e.currentTarget.value)}
        onKeyDown={onKey}
      />
      <button
        type="button"
        className={css.tool}
        aria-pressed={regex}
        aria-label={t('log.regex')}
        title={t('log.regex')}
        onClick={() => setRegex(!regex)}
      >
        .*
      </button>
      <button
        type="button"
        className={css.tool}
        aria-pressed={caseSensitive}
        aria-label={t('log.case')}
        title={t('log.case')}
        onClick={() => setCase(!caseSensitive)}
      >
        Aa
      </button>
      <button
        type="button"
        className={css.tool}
        aria-label={t('log.previous')}
        onClick={() => step(false)}
        disabled={!active || state.total === 0}
      >
        ↑
      </button>
      <button
        type="button"
        className={css.tool}
        aria-label={t('log.next')}
        onClick={() => step(true)}
        disabled={!active || state.total === 0}
      >
        ↓
      </button>
      <span className={css.hits} role="status" data-find={active && !state.busy ? 'done' : undefined}>
        {active && (state.error || hits(state))}
      </span>
    </div>
  );
}

function hits(s: FindState): string {
  const total = number(s.total) + (s.capped ? '+' : '');
  if (s.total === 0) return s.busy ? t('log.searching') : t('log.no_hits');
  return t(s.busy ? 'log.hits_so_far' : 'log.hits', { n: number(s.index), total });
}

function CopyMenu({ parts, range, count }: { parts: PartsRef; range: Range | null; count: number }) {
  const copy = async (from: number, to: number) => {
    if (to - from >= mostCopied) return toast(t('log.copy_too_much', { n: number(mostCopied) }), 'bad');
    try {
      const lines = (await parts.current?.source.text(from, to)) ?? [];
      const done = await copyText(lines.map(plain).join('\n') + '\n');
      toast(
        done ? t('log.copied', { count: lines.length, n: number(lines.length) }) : t('log.copy_failed'),
        done ? 'ok' : 'bad',
      );
    } catch (err) {
      toastProblem(err);
    }
  };
  return (
    <>
      {range && (
        <button
          type="button"
          className={css.tool}
          onClick={() => void copy(range.from, Math.min(range.to, count))}
        >
          {t('log.copy_range')}
        </button>
      )}
      <button type="button" className={css.tool} disabled={count === 0} onClick={() => void copy(1, count)}>
        {t('log.copy_all')}
      </button>
    </>
  );
}

/** Says how much came in ten seconds, never each line. */
function Announcer({ count, live }: { count: number; live: boolean }) {
  const [text, setText] = useState('');
  const latest = useRef(count);
  useEffect(() => {
    latest.current = count;
  }, [count]);
  useEffect(() => {
    if (!live) return;
    let said = latest.current;
    const timer = setInterval(() => {
      if (latest.current > said) setText(t('log.announce', { count: latest.current - said }));
      said = latest.current;
    }, 10_000);
    return () => clearInterval(timer);
  }, [live]);
  return (
    <span className="vh" role="status">
      {text}
    </span>
  );
}

function WholeLine({ parts, n, onClose }: { parts: PartsRef; n: number; onClose: () => void }) {
  const raw = parts.current?.source.store.text(n) ?? '';
  const length = parts.current?.source.store.cutLength(n);
  return (
    <Modal opened onClose={onClose} size="xl" title={t('log.line', { n })}>
      {length !== undefined && <p className={css.cut}>{t('log.cut', { size: size(length) })}</p>}
      <pre className={css.whole} tabIndex={0}>
        {plain(raw)}
      </pre>
      <Copy text={plain(raw)} />
    </Modal>
  );
}

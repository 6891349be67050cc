import { Button, Modal } from '@mantine/core';
import { Link, useBlocker, useNavigate, useParams } from '@tanstack/react-router';
import { useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { asProblem, at, call, Problem, query } from '../request';
import { t } from '../i18n';
import { useJob, useMay, useProject, useStartRun } from '../queries';
import { clock, short } from '../time/time';
import type { Job, JobChange, JobSummary, Page as PageOf, ProblemBody } from '../types';
import { Loaded, Loading, Note, Page } from '../ui/Page';
import { toast, toastProblem } from '../ui/toast';
import css from '../ui/ui.module.css';
import {
  blank,
  dropDraft,
  fieldPath,
  fromJob,
  keepDraft,
  keptDraft,
  toDefinition,
  workText,
  type JobDraft,
} from './draft';
import { JobForm } from './JobForm';

const Diff = lazy(() => import('../editor/Diff'));
const RunDialog = lazy(() => import('./RunDialog'));

export function NewJob() {
  return <Editor saved={blank()} job={null} etag="" />;
}

export function EditJob() {
  const { name } = useParams({ from: '/shell/jobs/$name/edit' });
  const query = useJob(name);
  const [first, setFirst] = useState<{ job: Job; etag: string } | null>(null);
  if (query.data && first?.job.name !== query.data.job.name) setFirst(query.data);
  // The form starts from what was there when it opened; later versions show as a conflict when saving.
  if (first && first.job.name === name)
    return <Editor key={name} saved={fromJob(first.job)} job={first.job} etag={first.etag} />;
  return (
    <Page title={t('edit.title', { name })}>
      <Loaded from={query}>{() => <Loading />}</Loaded>
    </Page>
  );
}

interface Conflict {
  theirs: Job;
  etag: string;
  run: boolean;
}

function Editor({ saved, job, etag: firstTag }: { saved: JobDraft; job: Job | null; etag: string }) {
  const name = job?.name ?? '';
  const project = useProject();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const start = useStartRun();
  const mayEdit = useMay('editor');
  const [baseline, setBaseline] = useState(saved);
  const [draft, setDraft] = useState(saved);
  const [etag, setEtag] = useState(firstTag);
  const [version, setVersion] = useState(job?.version ?? 0);
  const [kept, setKept] = useState(() => keptDraft(name));
  const [keptAt, setKeptAt] = useState(0);
  const [problem, setProblem] = useState<ProblemBody | null>(null);
  const [conflict, setConflict] = useState<Conflict | null>(null);
  const [busy, setBusy] = useState<'' | 'save' | 'run'>('');
  const [asking, setAsking] = useState('');
  const leaving = useRef(false);
  const dirty = useMemo(() => JSON.stringify(draft) !== JSON.stringify(baseline), [draft, baseline]);
  const change = useCallback((part: Partial<JobDraft>) => setDraft((d) => ({ ...d, ...part })), []);

  useEffect(() => {
    if (!dirty || kept) return;
    const timer = setTimeout(() => setKeptAt(keepDraft(name, version, draft)), 600);
    return () => clearTimeout(timer);
  }, [draft, dirty, kept, name, version]);

  const blocker = useBlocker({
    shouldBlockFn: () => dirty && !leaving.current,
    enableBeforeUnload: () => dirty && !leaving.current,
    withResolver: true,
  });

  const save = async (run: boolean, tag = etag) => {
    setBusy(run ? 'run' : 'save');
    setProblem(null);
    const wanted = draft.name.trim();
    try {
      const headers: Record<string, string> = tag ? { 'If-Match': tag } : {};
      if (!tag) await refuseExisting(project, wanted);
      const { body, etag: now } = await call<JobChange>(at('projects', project, 'jobs', wanted), {
        method: 'PUT',
        json: toDefinition(draft),
        headers,
      });
      dropDraft(name);
      setConflict(null);
      setBaseline(draft);
      setEtag(now ?? `"${body.job.version}"`);
      setVersion(body.job.version);
      setKeptAt(0);
      for (const key of ['jobs', 'job', 'versions', 'schedules'])
        void queries.invalidateQueries({ queryKey: [key] });
      leaving.current = true;
      for (const w of body.warnings) toast(w.detail);
      if (!run) {
        toast(t(`edit.${body.change}`, { name: wanted, version: body.job.version }));
        return await navigate({ to: '/jobs/$name', params: { name: wanted } });
      }
      // What must be asked is asked; everything else runs with its defaults.
      if (Object.values(body.job.spec.inputs ?? {}).some((i) => i.required && i.default === undefined))
        return setAsking(wanted);
      const started = await start.mutateAsync({ job: wanted, inputs: {} });
      await navigate({ to: '/runs/$id', params: { id: started.id } });
    } catch (err) {
      leaving.current = false;
      const p = asProblem(err);
      if (job && p.status === 412) await loadConflict(run);
      else setProblem(p);
    } finally {
      setBusy('');
    }
  };

  const loadConflict = async (run: boolean) => {
    try {
      const theirs = await call<Job>(at('projects', project, 'jobs', name));
      setConflict({ theirs: theirs.body, etag: theirs.etag ?? `"${theirs.body.version}"`, run });
    } catch (err) {
      setProblem(asProblem(err));
    }
  };

  const latest = useRef(save);
  useEffect(() => {
    latest.current = save;
  });
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (!(e.ctrlKey || e.metaKey)) return;
      if (e.key === 's') {
        e.preventDefault();
        void latest.current(false);
      } else if (e.key === 'Enter') {
        e.preventDefault();
        void latest.current(true);
      }
    };
    window.addEventListener('keydown', onKey, { capture: true });
    return () => window.removeEventListener('keydown', onKey, { capture: true });
  }, []);

  const field = fieldPath(problem?.field);
  useEffect(() => {
    if (!field) return;
    const el =
      document.querySelector<HTMLElement>(`[data-field="${CSS.escape(field)}"]`) ??
      document.querySelector<HTMLElement>('[aria-invalid="true"]');
    el?.focus();
    el?.scrollIntoView({ block: 'center' });
  }, [field, problem]);

  return (
    <Page
      title={job ? t('edit.title', { name }) : t('edit.new')}
      crumb={
        <>
          <Link to="/jobs">{t('nav.jobs')}</Link>
          {job && (
            <>
              {' / '}
              <Link to="/jobs/$name" params={{ name }}>
                {name}
              </Link>
            </>
          )}
        </>
      }
      beside={
        <span className={css.faint} role="status">
          {dirty ? (keptAt ? t('edit.kept', { time: clock(keptAt).slice(0, 8) }) : t('edit.unsaved')) : ''}
        </span>
      }
      actions={
        mayEdit && (
          <>
            <Button variant="default" onClick={() => void save(false)} loading={busy === 'save'}>
              {t('action.save')}
            </Button>
            <Button onClick={() => void save(true)} loading={busy === 'run'}>
              {t('action.save_run')}
            </Button>
          </>
        )
      }
    >
      {kept && (
        <Note tone="idle" title={t('edit.found', { at: short(new Date(kept.at)) })}>
          {kept.version !== version && <p>{t('edit.found_old', { version: kept.version })}</p>}
          <div className={css.row} style={{ marginTop: 8 }}>
            <Button
              size="xs"
              onClick={() => {
                setDraft(kept.draft);
                setKept(null);
              }}
            >
              {t('edit.continue')}
            </Button>
            <Button
              size="xs"
              variant="default"
              onClick={() => {
                dropDraft(name);
                setKept(null);
              }}
            >
              {t('edit.discard')}
            </Button>
          </div>
        </Note>
      )}
      {problem && (
        <Note title={problem.title} live>
          {problem.detail && <p>{problem.detail}</p>}
          {problem.hint && <p className={css.muted}>{problem.hint}</p>}
          <p className={css.faint}>
            {[field, problem.code, problem.request_id && t('page.request', { id: problem.request_id })]
              .filter(Boolean)
              .join(' · ')}
          </p>
        </Note>
      )}
      <JobForm draft={draft} change={change} isNew={!job} problem={problem} field={field} />
      {conflict && (
        <ConflictDialog
          mine={draft}
          conflict={conflict}
          onClose={() => setConflict(null)}
          onMine={() => {
            setEtag(conflict.etag);
            void save(conflict.run, conflict.etag);
          }}
          onTheirs={() => {
            const theirs = fromJob(conflict.theirs);
            dropDraft(name);
            setBaseline(theirs);
            setDraft(theirs);
            setEtag(conflict.etag);
            setVersion(conflict.theirs.version);
            setConflict(null);
          }}
          onCopy={async (copy) => {
            try {
              const definition = toDefinition({ ...draft, name: copy, schedules: [] });
              await refuseExisting(project, copy);
              await call<JobChange>(at('projects', project, 'jobs', copy), {
                method: 'PUT',
                json: definition,
              });
              dropDraft(name);
              leaving.current = true;
              toast(t('edit.copied', { name: copy }));
              await navigate({ to: '/jobs/$name', params: { name: copy } });
            } catch (err) {
              toastProblem(err);
            }
          }}
        />
      )}
      {asking && (
        <Suspense>
          <RunDialog
            job={asking}
            onClose={() => void navigate({ to: '/jobs/$name', params: { name: asking } })}
          />
        </Suspense>
      )}
      {blocker.status === 'blocked' && (
        <Modal opened onClose={blocker.reset} title={t('edit.leave')}>
          <p>{t(keptAt ? 'edit.leave_kept' : 'edit.leave_lost')}</p>
          <div className={css.row} style={{ justifyContent: 'flex-end', marginTop: 16 }}>
            <Button variant="default" onClick={blocker.proceed}>
              {t('edit.leave_action')}
            </Button>
            <Button onClick={blocker.reset} data-autofocus>
              {t('edit.stay')}
            </Button>
          </div>
        </Modal>
      )}
    </Page>
  );
}

/** A new job must not silently become a version of one that has its name. */
async function refuseExisting(project: string, name: string) {
  if (name === '') return;
  const { body } = await call<PageOf<JobSummary>>(
    at('projects', project, 'jobs') + query({ text: name, limit: 200 }),
  );
  const exists = body.items.some((j) => j.name === name);
  if (exists)
    throw new Problem({
      title: t('edit.taken'),
      status: 409,
      code: 'name_taken',
      detail: t('edit.taken_text', { name }),
      field: 'metadata.name',
    });
}

function ConflictDialog(props: {
  mine: JobDraft;
  conflict: Conflict;
  onClose: () => void;
  onMine: () => void;
  onTheirs: () => void;
  onCopy: (name: string) => Promise<void>;
}) {
  const { theirs } = props.conflict;
  const copy = `${theirs.name}-copy`;
  return (
    <Modal opened onClose={props.onClose} size="xl" title={t('edit.conflict')}>
      <p>
        {t('edit.conflict_text', {
          by: theirs.updated_by || t('edit.somebody'),
          version: theirs.version,
          at: short(new Date(theirs.updated_at)),
        })}
      </p>
      <div style={{ margin: '16px 0' }}>
        <Suspense fallback={<Loading rows={3} />}>
          <Diff
            before={workText(theirs.spec)}
            after={workText(toDefinition(props.mine).spec)}
            label={t('edit.conflict_diff')}
          />
        </Suspense>
      </div>
      <div className={css.row} style={{ justifyContent: 'flex-end' }}>
        <Button variant="default" onClick={props.onTheirs}>
          {t('edit.take_theirs')}
        </Button>
        <Button variant="default" onClick={() => void props.onCopy(copy)}>
          {t('edit.keep_copy', { name: copy })}
        </Button>
        <Button onClick={props.onMine}>{t('edit.save_mine')}</Button>
      </div>
    </Modal>
  );
}

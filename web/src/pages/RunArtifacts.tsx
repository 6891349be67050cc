import { t } from '../i18n';
import { size } from '../log/size';
import { useArtifacts, useProject } from '../queries';
import { at } from '../request';
import { Time } from '../time/Time';
import type { Artifact, Run } from '../types';
import { Copy, Loaded } from '../ui/Page';
import ui from '../ui/ui.module.css';
import css from './run.module.css';

/** More than so many are folded away above the log. */
const few = 4;

/** The files that the run keeps, each to be downloaded. */
export function Artifacts({ run }: { run: Run }) {
  const total = run.artifacts;
  if (!total) return null;
  return (
    <details className={css.artifacts} open={total.count <= few}>
      <summary>
        {t('run.artifacts_count', { count: total.count })}{' '}
        <span className={ui.faint}>{size(total.bytes)}</span>
      </summary>
      <List run={run} since={total.made_at} />
    </details>
  );
}

function List({ run, since }: { run: Run; since: string }) {
  const query = useArtifacts(run.id, since);
  return (
    <Loaded from={query} rows={2}>
      {(page) => (
        <section className={ui.tableWrap} aria-label={t('run.artifacts')}>
          <table className={ui.table}>
            <thead>
              <tr>
                <th scope="col">{t('run.artifact.name')}</th>
                <th scope="col" className={ui.end}>
                  {t('run.artifact.size')}
                </th>
                <th scope="col">{t('run.artifact.sha256')}</th>
                <th scope="col">{t('run.artifact.made')}</th>
              </tr>
            </thead>
            <tbody>
              {page.items.map((a) => (
                <Row key={a.name} run={run} artifact={a} />
              ))}
            </tbody>
          </table>
        </section>
      )}
    </Loaded>
  );
}

function Row({ run, artifact: a }: { run: Run; artifact: Artifact }) {
  const project = useProject();
  return (
    <tr>
      <td className={ui.main}>
        <a
          href={`/api/v1${at('projects', project, 'runs', run.id, 'artifacts', a.name)}`}
          download={a.name}
          title={t('run.artifact.download', { name: a.name })}
        >
          {a.name}
        </a>
      </td>
      <td className={ui.end}>{size(a.size)}</td>
      <td>
        <span className={ui.mono} title={a.sha256}>
          {a.sha256.slice(0, 12)}…
        </span>{' '}
        <Copy text={a.sha256} />
      </td>
      <td>
        <Time at={a.made_at} />
      </td>
    </tr>
  );
}

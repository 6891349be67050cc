import { Button } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import { t } from '../i18n';

const RunDialog = lazy(() => import('./RunDialog'));

export function RunButton({
  job,
  compact = false,
  label,
}: {
  job: string;
  compact?: boolean;
  label?: string;
}) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button
        variant={compact ? 'default' : 'filled'}
        size={compact ? 'compact-sm' : 'sm'}
        onClick={() => setOpen(true)}
      >
        {label ?? t('action.run')}
        {compact && <span className="vh"> {job}</span>}
      </Button>
      {open && (
        <Suspense>
          <RunDialog job={job} onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  );
}

import { useQueryClient } from '@tanstack/react-query';
import { useRouter, useSearch } from '@tanstack/react-router';
import { t } from '../i18n';
import { Gate } from './Gate';
import { SignInForm } from './SignInForm';

/** Only a path of this hub: a link must not send people elsewhere. */
export function safeNext(next: string | undefined): string {
  return next && /^\/(?![/\\])/.test(next) && !next.startsWith('/login') ? next : '/jobs';
}

export default function Login() {
  const { next } = useSearch({ from: '/login' });
  const router = useRouter();
  const queries = useQueryClient();
  return (
    <Gate title={t('login.title')} text={t('login.text', { hub: location.host })}>
      <SignInForm
        onDone={(me) => {
          queries.clear();
          queries.setQueryData(['me'], me);
          router.history.push(safeNext(next));
        }}
      />
    </Gate>
  );
}

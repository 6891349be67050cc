import { Modal } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { t } from '../i18n';
import { useMe } from '../queries';
import { socket } from '../socket';
import { SignInForm } from './SignInForm';

/** The session ended: sign in over the page, which keeps what was typed. */
export default function SignInAgain({ onDone }: { onDone: () => void }) {
  const queries = useQueryClient();
  const { data: me } = useMe();
  return (
    <Modal
      opened
      onClose={() => {}}
      withCloseButton={false}
      closeOnEscape={false}
      closeOnClickOutside={false}
      title={t('login.again')}
    >
      <p>{t('login.again_text')}</p>
      <SignInForm
        email={me?.email}
        onDone={(now) => {
          queries.setQueryData(['me'], now);
          socket.retry();
          void queries.invalidateQueries();
          onDone();
        }}
      />
    </Modal>
  );
}

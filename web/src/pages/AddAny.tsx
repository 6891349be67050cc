import { Modal } from '@mantine/core';
import { useState } from 'react';
import { t } from '../i18n';
import { Tabs } from '../ui/Tabs';
import AddHost from './AddHost';
import AddServer from './AddServer';

/** Both ways to add a host: an agent on the machine itself, or a server that agents reach over SSH. */
export default function AddAny({ onClose }: { onClose: () => void }) {
  const [way, setWay] = useState('agent');
  return (
    <Modal opened onClose={onClose} size="lg" title={t('hosts.add')}>
      <Tabs
        label={t('hosts.ways')}
        value={way}
        options={[
          { value: 'agent', label: t('hosts.way_agent') },
          { value: 'ssh', label: t('hosts.way_ssh') },
        ]}
        onChange={setWay}
      />
      {way === 'agent' ? <AddHost onClose={onClose} /> : <AddServer onClose={onClose} />}
    </Modal>
  );
}

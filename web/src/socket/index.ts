import { useEffect, useRef, useSyncExternalStore } from 'react';
import { Socket, type Message } from './socket';

export const socket = new Socket(() => location.origin.replace(/^http/, 'ws') + '/api/v1/ws');

if (typeof window !== 'undefined') {
  window.addEventListener('online', () => socket.retry());
}

export const useLink = () => useSyncExternalStore(socket.watch, socket.status);

/** Keeps one topic open while the component lives; `key` decides when it is another topic. */
export function useTopic(message: object | null, receive: (m: Message) => void) {
  const latest = useRef(receive);
  useEffect(() => {
    latest.current = receive;
  });
  const key = message ? JSON.stringify(message) : '';
  useEffect(() => {
    if (!key) return;
    return socket.subscribe(
      () => JSON.parse(key) as object,
      (m) => latest.current(m),
    );
  }, [key]);
}

// One WebSocket per tab; every topic shares it. Subscriptions survive reconnects: each is asked again for its opening
// message, so a log resumes at the line it needs.

export type Link =
  | { state: 'idle' }
  | { state: 'connecting' }
  | { state: 'live' }
  | { state: 'waiting'; retryAt: number; since: number };

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Message = { id: number; type: string } & Record<string, any>;

interface Subscription {
  open: () => object;
  receive: (m: Message) => void;
}

const maxDelay = 10_000;

/** Full jitter, so that many tabs do not come back together. */
export function backoff(failures: number, random: () => number = Math.random): number {
  const ceiling = Math.min(maxDelay, 500 * 2 ** Math.min(failures, 10));
  return Math.round(250 + random() * (ceiling - 250));
}

export class Socket {
  private readonly url: () => string;
  private readonly make: (url: string) => WebSocket;
  private ws: WebSocket | null = null;
  private subs = new Map<number, Subscription>();
  private nextId = 1;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lostAt = 0;
  private listeners = new Set<() => void>();
  private link: Link = { state: 'idle' };

  constructor(url: () => string, make = (u: string) => new WebSocket(u, 'cronium.v1')) {
    this.url = url;
    this.make = make;
  }

  /** Opens a subscription; the answer closes it. `open` is called at every (re)connect. */
  subscribe(open: () => object, receive: (m: Message) => void): () => void {
    const id = this.nextId++;
    this.subs.set(id, { open, receive });
    if (this.ws?.readyState === 1) this.send({ op: 'sub', id, ...open() });
    else this.connect();
    return () => {
      if (this.subs.delete(id) && this.ws?.readyState === 1) this.send({ op: 'unsub', id });
    };
  }

  watch = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  status = () => this.link;

  /** Tries at once, for example after signing in or when the network returns. */
  retry() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.connect();
  }

  close() {
    clearTimeout(this.timer);
    this.subs.clear();
    this.ws?.close();
    this.ws = null;
    this.set({ state: 'idle' });
  }

  private connect() {
    if (this.timer !== undefined || (this.ws && this.ws.readyState <= 1)) return;
    if (this.link.state === 'idle') this.set({ state: 'connecting' });
    const ws = this.make(this.url());
    this.ws = ws;
    ws.onopen = () => {
      this.failures = 0;
      this.lostAt = 0;
      for (const [id, sub] of this.subs) this.send({ op: 'sub', id, ...sub.open() });
      this.set({ state: 'live' });
    };
    ws.onmessage = (e) => {
      const m = JSON.parse(String(e.data)) as Message;
      this.subs.get(m.id)?.receive(m);
    };
    ws.onclose = () => {
      if (this.ws !== ws) return;
      this.ws = null;
      if (this.subs.size === 0) return this.set({ state: 'idle' });
      this.lostAt ||= Date.now();
      const delay = backoff(this.failures++);
      this.set({ state: 'waiting', retryAt: Date.now() + delay, since: this.lostAt });
      this.timer = setTimeout(() => {
        this.timer = undefined;
        this.connect();
      }, delay);
    };
  }

  private send(message: object) {
    this.ws?.send(JSON.stringify(message));
  }

  private set(link: Link) {
    this.link = link;
    for (const l of this.listeners) l();
  }
}

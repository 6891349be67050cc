// The one clock of the interface: every date, zone and duration on the screen is written here.

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

const parts = new Map<string, Intl.DateTimeFormat>();

function format(name: string, tz: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = name + tz;
  let f = parts.get(key);
  if (!f) {
    f = new Intl.DateTimeFormat('en-GB', { timeZone: tz, hourCycle: 'h23', ...options });
    parts.set(key, f);
  }
  return f;
}

function fields(f: Intl.DateTimeFormat, at: Date): Record<string, string> {
  return Object.fromEntries(f.formatToParts(at).map((p) => [p.type, p.value]));
}

/** "15 Jan 02:15", with the year when it is not this one. */
export function short(at: Date, now = new Date(), tz = zone): string {
  const f = fields(
    format('short', tz, {
      year: 'numeric',
      month: 'short',
      day: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
    }),
    at,
  );
  const thisYear = fields(format('year', tz, { year: 'numeric' }), now).year;
  const year = f.year === thisYear ? '' : ` ${f.year}`;
  return `${f.day} ${f.month}${year} ${f.hour}:${f.minute}`;
}

/** "Thu 15 Jan 02:15:00": fires are to the second. */
export function fireTime(at: Date, tz = zone): string {
  const f = fields(
    format('fire', tz, {
      weekday: 'short',
      year: 'numeric',
      month: 'short',
      day: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    }),
    at,
  );
  const seconds = f.second === '00' ? '' : `:${f.second}`;
  return `${f.weekday} ${f.day} ${f.month} ${f.year} ${f.hour}:${f.minute}${seconds}`;
}

export function offset(at: Date, tz = zone): string {
  const f = fields(format('offset', tz, { timeZoneName: 'longOffset' }), at);
  const text = (f.timeZoneName ?? '').replace('GMT', '');
  return text === '' ? '+00:00' : text;
}

/** "2026-01-15 02:15:00.123 +01:00 (01:15:00Z)" */
export function full(at: Date, tz = zone): string {
  const f = fields(
    format('full', tz, {
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      fractionalSecondDigits: 3,
    }),
    at,
  );
  const utc = at.toISOString().slice(11, 19);
  return `${f.year}-${f.month}-${f.day} ${f.hour}:${f.minute}:${f.second}.${f.fractionalSecond} ${offset(at, tz)} (${utc}Z)`;
}

/** "09:31:02.123": the time column of logs. Log views format thousands of these, so it does not build objects. */
export function clock(ms: number, tz = zone): string {
  const seconds = Math.floor(ms / 1000);
  if (clockCache.second !== seconds || clockCache.tz !== tz) {
    const f = fields(
      format('clock', tz, { hour: '2-digit', minute: '2-digit', second: '2-digit' }),
      new Date(ms),
    );
    clockCache.second = seconds;
    clockCache.tz = tz;
    clockCache.text = `${f.hour}:${f.minute}:${f.second}`;
  }
  return `${clockCache.text}.${String(Math.floor(ms) - seconds * 1000).padStart(3, '0')}`;
}
const clockCache = { second: -1, tz: '', text: '' };

/** "just now", "4 min ago", "in 3 h 20 min"; null when it is further than a day and must be absolute. */
export function relative(at: Date, now: Date): string | null {
  const diff = at.getTime() - now.getTime();
  const minutes = Math.floor(Math.abs(diff) / 60_000);
  if (minutes >= 24 * 60) return null;
  if (minutes < 1) {
    if (diff <= 0) return 'just now';
    return `in ${Math.max(1, Math.floor(diff / 1000))} s`;
  }
  const h = Math.floor(minutes / 60);
  const text =
    h === 0 ? `${minutes} min` : minutes % 60 === 0 || diff < 0 ? `${h} h` : `${h} h ${minutes % 60} min`;
  return diff > 0 ? `in ${text}` : `${text} ago`;
}

/** "340 ms", "9.8 s", "2m 16s", "3h 04m" */
export function duration(ms: number): string {
  if (ms < 0) ms = 0;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const s = Math.round(ms / 1000);
  if (s < 3600) return `${Math.floor(s / 60)}m ${String(s % 60).padStart(2, '0')}s`;
  const h = Math.floor(s / 3600);
  const m = String(Math.floor((s % 3600) / 60)).padStart(2, '0');
  return h < 48 ? `${h}h ${m}m` : `${Math.floor(h / 24)}d ${String(h % 24).padStart(2, '0')}h`;
}

/** Reads "2m", "1h30m", "500ms" as the hub does; null when it cannot be read. */
export function parseDuration(text: string): number | null {
  const unit: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text.trim())) return null;
  let total = 0;
  for (const m of text.trim().matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g))
    total += Number(m[1]) * (unit[m[2] as string] ?? 0);
  return total;
}

export function zones(): string[] {
  const all = Intl.supportedValuesOf('timeZone');
  return all.includes('UTC') ? all : ['UTC', ...all];
}

// The public API's shapes under the names the pages use. The source is src/api.d.ts, generated from the hub's golden.
import type { components } from './api';

type S = components['schemas'];

export interface Page<T> {
  items: T[];
  next_cursor?: string;
}

/** What the hub answers, except that a page or a proxy may fail with less. */
export type ProblemBody = Pick<S['Problem'], 'title' | 'status' | 'code'> & Partial<S['Problem']>;
export type InputValue = string | number | boolean;

export type Me = S['Me'];
export type Token = S['Token'];
export type NewToken = S['NewToken'];
export type Spec = S['JobSpec'];
export type Input = S['Input'];
export type InputType = Input['type'];
export type Language = S['JobScript']['language'];
export type HTTPRequest = S['JobHTTP'];
export type Definition = S['JobDefinition'];
export type ScheduleDefinition = S['ScheduleWish'];
export type Job = S['Job'];
export type JobSummary = S['JobSummary'];
export type JobVersion = S['JobVersion'];
export type JobChange = S['JobChange'];
export type StripRun = S['JobRun'];
export type Run = S['Run'];
export type RunSummary = S['RunSummary'];
export type RunState = Run['state'];
export type Artifact = S['Artifact'];
export type Attempt = S['Attempt'];
export type Schedule = S['Schedule'];
export type Fire = S['Fire'];
export type Preview = S['Preview'];
export type Host = S['Host'];
export type Server = S['Server'];
export type HostKey = S['HostKey'];
export type Opener = S['Opener'];
export type ServerRequest = S['ServerRequest'];
export type ServerImpact = S['ServerImpact'];
export type JoinToken = S['NewJoinToken'];
export type Variable = S['Variable'];
export type Secret = S['Secret'];
export type LogLine = S['LogLine'];
export type LogWindow = S['Log'];
export type TargetsLog = S['TargetsLog'];
export type TargetCounts = S['TargetCounts'];

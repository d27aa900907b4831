/**
 * The only way past a rule of test/arch. Each entry names one rule, one file and why; `detail` narrows it to findings
 * that contain this text. The list may only shrink: an entry that excuses nothing any more fails.
 */
export interface Exception {
  readonly rule: string;
  readonly file: string;
  readonly detail?: string;
  readonly reason: string;
}

const PROCESS = 'only main touches the process';
const IMPORTING = 'importing a module does nothing';
const HOT_PATH = 'the hot path stays off slow interfaces';
const AMBIENT = 'clock, timers and chance are passed in';

export const EXCEPTIONS: readonly Exception[] = [
  {
    rule: IMPORTING,
    file: 'src/auth/password-thread.ts',
    reason: 'the main module of a thread: it has to listen for what it is asked, and nothing imports it',
  },
  {
    rule: IMPORTING,
    file: 'src/targets/openapi/reading-thread.ts',
    reason: 'the main module of a thread: it reads what it is started with, and nothing imports it',
  },
  { rule: AMBIENT, file: 'src/core/ports.ts', reason: 'the real clock, which everything else is given' },
  {
    rule: PROCESS,
    file: 'src/upstream/processes/system.ts',
    reason: 'the operating system as a port: signals to process groups, platform, pid; tests replace it',
  },
  {
    rule: AMBIENT,
    file: 'src/upstream/processes/system.ts',
    reason: 'a timer that keeps the process alive until the last signal to a group went out',
  },
  {
    rule: HOT_PATH,
    file: 'src/upstream/credentials/oauth-http.ts',
    reason: 'oauth4webapi takes a Response; one is made for each token, not for each request',
  },
];

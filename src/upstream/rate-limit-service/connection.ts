/**
 * The HTTP/2 connection to a service, opened when there is a question and none stands. Not Connect's own manager: that
 * lets go of a connection before it has ended, and its last error, heard by nobody, ends the process (a service that
 * says GOAWAY while a question comes).
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { LIMITS } from '../../core/limits.ts';
import type { Clock } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';

/** What Connect's transport for gRPC calls a session manager. */
export class ServiceConnection implements Closable {
  readonly authority: string;
  readonly #clock: Pick<Clock, 'after' | 'monotonic'>;
  /** With those that only end what was asked. */
  readonly #sessions = new Set<ClientHttp2Session>();
  #current: ClientHttp2Session | undefined;
  #heardAt = 0;
  #checking = false;
  #closed = false;

  constructor(url: string, clock: Pick<Clock, 'after' | 'monotonic'>) {
    this.authority = new URL(url).origin;
    this.#clock = clock;
  }

  async request(method: string, path: string, headers: OutgoingHttpHeaders): Promise<ClientHttp2Stream> {
    if (this.#closed) throw new Error('no longer in use');
    const current = this.#current;
    const session = current && !current.closed && !current.destroyed ? current : this.#open();
    const stream = session.request({ ...headers, ':method': method, ':path': path });
    this.#check(session);
    return stream;
  }

  notifyResponseByteRead(): void {
    this.#heardAt = this.#clock.monotonic();
  }

  close(): void {
    this.#closed = true;
    for (const session of this.#sessions) session.destroy(new Error('no longer in use'));
  }

  #open(): ClientHttp2Session {
    const session = connect(this.authority);
    const retire = (): void => {
      if (this.#current === session) this.#current = undefined;
    };
    // For as long as it lives: what was asked over it fails by itself.
    session.on('error', retire);
    session.on('goaway', retire);
    session.on('close', () => {
      retire();
      this.#sessions.delete(session);
    });
    this.#sessions.add(session);
    this.#current = session;
    this.#heardAt = this.#clock.monotonic();
    this.#checking = false;
    return session;
  }

  /** One that was cut without a word would be asked in vain for as long as TCP hopes. */
  #check(session: ClientHttp2Session): void {
    const patience = LIMITS.rateLimitPing.value;
    if (this.#checking || this.#clock.monotonic() - this.#heardAt < patience) return;
    this.#checking = true;
    const timer = this.#clock.after(patience, () => session.destroy(new Error('the service is silent')));
    session.once('close', () => timer.cancel());
    session.ping(() => {
      timer.cancel();
      if (this.#current !== session) return;
      this.#checking = false;
      this.notifyResponseByteRead();
    });
  }
}

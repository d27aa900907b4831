/**
 * Opens a link over a wire that carries either era (stdio) and finds out which one its server speaks. Asks with
 * server/discover first; many servers do not answer what they do not know, so initialize follows after a while, and
 * the first good answer decides.
 */

import { GatewayError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { Cancel } from '../../lib/cancel.ts';
import { discover, envelopeOf } from './discover.ts';
import { connected, type HandshakeOptions, initialize, initialized, openLink } from './handshake.ts';
import type { Link } from './link.ts';
import type { LinkWithInfo, ServerInfo } from './opened.ts';

export interface EitherOptions extends Omit<HandshakeOptions, 'era' | 'info'> {
  /** How long server/discover is waited for alone. */
  readonly patienceMs: number;
}

export interface Found {
  readonly open: LinkWithInfo;
  /** The server has kept silent on server/discover: asking again would take as long. */
  readonly silent: boolean;
}

const DECIDED = new GatewayError('CANCELLED', 'the other greeting was answered');

interface Greeted extends Found {
  /**
   * A modern server may have taken initialize for the choice of its client, as servers on the official SDK do when it
   * comes behind server/discover: from then on the connection is a legacy one.
   */
  readonly spoiled: boolean;
}

/** As `openLink`. */
export async function openEither(options: EitherOptions): Promise<Found> {
  const { open, silent, spoiled } = await connected({ ...options, era: 'modern' }, (link, all, cancel) =>
    greet(link, { ...all, patienceMs: options.patienceMs }, cancel),
  );
  if (!spoiled) return { open, silent };
  await open.link.close();
  return { open: await openLink({ ...options, era: 'modern', info: open.info }), silent };
}

type GreetOptions = HandshakeOptions & Pick<EitherOptions, 'patienceMs'>;

async function greet(link: Link, options: GreetOptions, cancel: Cancel): Promise<Greeted> {
  const envelope = envelopeOf(options.identity);
  const asking = cancel.child();
  let silent = true;
  const discovered = discover({ link, envelope }, { ...options, cancel: asking.cancel }).finally(() => {
    silent = false;
  });
  try {
    const early = await patiently(discovered, options.clock, options.patienceMs);
    if (early) return { open: { link, info: early, envelope }, silent, spoiled: false };
    link.speak('legacy');
    let spoiled = true;
    const introduced = initialize(link, options, asking.cancel).catch((cause: unknown) => {
      spoiled = false;
      throw cause;
    });
    const info = await Promise.any([introduced, discovered]).catch(() => introduced);
    if (info.era === 'modern') {
      link.speak('modern');
      return { open: { link, info, envelope }, silent, spoiled };
    }
    await initialized(link, info, cancel);
    return { open: { link, info, envelope: undefined }, silent, spoiled: false };
  } finally {
    asking.forget();
    asking.cancel.cancel(DECIDED);
  }
}

/** Undefined: it has failed, or has not come by then. */
function patiently(
  answer: Promise<ServerInfo>,
  clock: Clock,
  patienceMs: number,
): Promise<ServerInfo | undefined> {
  return new Promise((resolve) => {
    const timer = clock.after(patienceMs, () => resolve(undefined));
    answer.then(resolve, () => resolve(undefined)).finally(() => timer.cancel());
  });
}

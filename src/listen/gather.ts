/** The first bytes of a connection, until they are enough to tell what it is. Knows nothing of what they mean. */
import type { Socket } from 'node:net';

/**
 * What comes byte by byte must not be read anew with each of them: `enough` says how many it takes, 0: no more. It is asked
 * at once where something has been read already (`first`).
 */
export function gather(socket: Socket, first: Buffer | undefined, enough: (bytes: Buffer) => number): void {
  let pieces = first ? [first] : [];
  let size = first?.length ?? 0;
  let need = first ? enough(first) : 1;
  const take = (): void => {
    const next = socket.read() as Buffer | null;
    if (next === null) {
      socket.destroy();
      return;
    }
    pieces.push(next);
    size += next.length;
    if (size >= need) {
      const bytes = Buffer.concat(pieces);
      pieces = [bytes];
      need = enough(bytes);
    }
    wait();
  };
  const wait = (): void => {
    if (need > 0 && !socket.destroyed) socket.once('readable', take);
  };
  wait();
}

/** The processes that legs are made of: started on their core, waited for, stopped together. */
import { fileURLToPath } from 'node:url';
import { type Started, start } from '../test/fixtures/programs.ts';

export const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
/** Packages that measurements ask for. */
export const cache = fileURLToPath(new URL('../../.cache/bench/', import.meta.url));

export const node = (core: readonly string[], ...args: string[]): Started => {
  const [command = '', ...rest] = [...core, process.execPath, ...args];
  return start(command, rest);
};

export async function announcedPort(started: Started): Promise<number> {
  const text = await started.said(/ready (\d+)/);
  return Number(text[1]);
}

interface Part {
  stop(): Promise<void>;
}

export const stopAll =
  (...parts: readonly Part[]) =>
  async (): Promise<void> => {
    for (const part of parts) await part.stop();
  };

/** What was started for a leg does not outlive a leg that did not start. */
export async function orStop<T>(parts: readonly Part[], started: Promise<T>): Promise<T> {
  try {
    return await started;
  } catch (error) {
    await stopAll(...parts)();
    throw error;
  }
}

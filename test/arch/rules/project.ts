/** Texts of the whole project, whatever the language: nothing about the machine it was written on. */
import type { Violation } from '../source.ts';

export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** A folder of one machine; documentation may use relative paths, tests the system's temporary folder. */
const MACHINE_PATH = /(?<![\w.~/-])\/(?:work|home|root|Users)\/[\w.-]+/;
/** Where packages were fetched from is a matter of each machine's configuration. */
const REGISTRY =
  /\b(?:registry|artifactory|nexus|verdaccio)\.[a-z0-9-]+\.[a-z]{2,}|\bregistry=|\b(?:pypi|pythonhosted)\.org\b/i;

export function machinePaths(files: readonly TextFile[]): Violation[] {
  return matching(files, MACHINE_PATH);
}

export function registryHosts(files: readonly TextFile[]): Violation[] {
  return [
    ...matching(files, REGISTRY),
    ...matching(
      files.filter(({ path }) => path.endsWith('package-lock.json')),
      /"resolved":\s*"https?:/,
    ),
  ];
}

function matching(files: readonly TextFile[], pattern: RegExp): Violation[] {
  return files.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, at) => {
      const found = pattern.exec(line)?.[0];
      return found === undefined ? [] : [{ file: path, detail: `line ${at + 1}: ${found}` }];
    }),
  );
}

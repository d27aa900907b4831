/** A record whose fields are computed when an expression comes to them: most rules read one of ten. */
export class LazyRecord {
  readonly names: readonly string[];
  readonly read: (name: string) => unknown;

  constructor(names: readonly string[], read: (name: string) => unknown) {
    this.names = names;
    this.read = read;
  }
}

/** Where the values of a document stand in its text. Offsets are in UTF-16 units. */

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** One value. */
export interface Spot extends Range {
  readonly scalar: boolean;
  /** The key that leads here, when the value stands in a mapping. */
  readonly key: Range | undefined;
  readonly children: ReadonlyMap<string | number, Spot>;
}

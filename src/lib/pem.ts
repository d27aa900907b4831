/** PEM texts (RFC 7468), told from paths of files that hold them. */

export function isPem(text: string): boolean {
  return text.includes('-----BEGIN ');
}

/** The certificates of a text, each as PEM, in their order. */
export function certificatesOf(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
}

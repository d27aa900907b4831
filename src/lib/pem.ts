/** PEM texts (RFC 7468), told from paths of files that hold them. No message quotes one. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

export function isPem(text: string): boolean {
  return text.includes('-----BEGIN ');
}

/** The certificates of a text, each as PEM, in their order. */
function certificatesOf(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
}

/** Those of a text; throws where there is none, or one that is broken. */
export function readCertificates(pem: string): [X509Certificate, ...X509Certificate[]] {
  try {
    const [first, ...others] = certificatesOf(pem).map((each) => new X509Certificate(each));
    if (first) return [first, ...others];
  } catch {
    throw new Error('a certificate in it cannot be read');
  }
  throw new Error('there is no certificate in it (PEM)');
}

/** Throws where there is none. In our words: what the library says differs from release to release. */
export function readPrivateKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // `BEGIN ENCRYPTED PRIVATE KEY`, or `Proc-Type: 4,ENCRYPTED` inside of older ones.
    throw new Error(/ENCRYPTED/.test(pem) ? 'it is encrypted' : 'there is no private key in it (PEM)');
  }
}

/** What a verified client certificate says, taken apart when somebody asks: most requests never do. */
import type { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from '../core/identity.ts';
import { altNames } from '../lib/alt-names.ts';

export class ClientCertificate implements PeerCertificate {
  readonly fingerprint: string;
  readonly #certificate: X509Certificate;
  #names: readonly string[] | undefined;

  constructor(certificate: X509Certificate) {
    this.#certificate = certificate;
    this.fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  }

  get subject(): string {
    return oneLine(this.#certificate.subject);
  }

  /** The first one, where there are several. */
  get subjectCn(): string | undefined {
    const { CN } = this.#certificate.toLegacyObject().subject as { CN?: string | string[] };
    return Array.isArray(CN) ? CN[0] : CN;
  }

  get issuer(): string {
    return oneLine(this.#certificate.issuer);
  }

  /** DNS names, URIs and IP addresses as they are, as in the Rust gateway. */
  get subjectAltNames(): readonly string[] {
    this.#names ??= altNames(this.#certificate.subjectAltName, ['DNS', 'URI', 'IP Address']);
    return this.#names;
  }

  get certificate(): string {
    return this.#certificate.toString();
  }
}

/** Node puts each part on a line of its own, with commas and line breaks inside of one escaped (RFC 2253). */
function oneLine(name: string | undefined): string {
  return (name ?? '').split('\n').join(', ');
}

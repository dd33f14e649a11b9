import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { DcfError, messageOf } from '../core/errors.js';
import type { DownloadRules } from '../registry/download/download-rules.js';
import type { Settings } from './settings.js';

type ResourceSettings = Pick<Settings, 'maxResourceSize' | 'resourceHosts' | 'resourceAllowPrivate' | 'resourceCa'>;

/** Makes the rules for downloads from the settings. Throws a DcfError INVALID_ARGUMENT when the certificates cannot be read. */
export function downloadRules(settings: ResourceSettings): DownloadRules {
  const { maxResourceSize, resourceHosts, resourceAllowPrivate, resourceCa } = settings;
  const ca = resourceCa === undefined ? undefined : readCertificates(resourceCa);
  return { maxBytes: maxResourceSize, hosts: resourceHosts, allowPrivate: resourceAllowPrivate, ca };
}

function readCertificates(file: string): string {
  try {
    const text = readFileSync(file, 'utf8');
    new X509Certificate(text);
    return text;
  } catch (error) {
    throw new DcfError('INVALID_ARGUMENT', `--resource-ca: ${file} is not a readable file of PEM certificates: ${messageOf(error)}`);
  }
}

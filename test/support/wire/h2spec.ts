import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Owner, temporaryDirectory } from '../cleanup.js';
import { runTool } from './run-tool.js';

/** One case of h2spec. */
export interface H2specCase {
  /** The section of h2spec's own or the RFC's, and its title: unlike any other's. */
  name: string;
  /** `skipped`: h2spec could not try it, as the response that it needs did not come. */
  outcome: 'passed' | 'skipped' | 'failed';
  /** What was expected, and in the last line what came. */
  detail: string;
}

/** Seconds that a case waits for an answer: enough for a server on a busy machine. */
const timeoutSeconds = 5;

/**
 * Runs all cases of h2spec on a server that listens on loopback.
 *
 * @throws Error with what it wrote when it reports none, as where the server cannot be reached
 */
export async function runH2spec(owner: Owner, program: string, port: number): Promise<H2specCase[]> {
  const report = join(await temporaryDirectory(owner), 'report.xml');
  const args = ['-h', '127.0.0.1', '-p', String(port), '-P', '/dcf.v1.Functions/Invoke', '-o', String(timeoutSeconds), '-j', report];
  const { code, out, errors } = await runTool(owner, program, args);
  const cases = parseReport(await readFile(report, 'utf8').catch(() => ''));
  if (cases.length === 0) throw new Error(`h2spec ended with ${code} and reported nothing:\n${out}${errors}`);
  return cases;
}

/** Reads h2spec's report, which has the form of JUnit's. */
export function parseReport(xml: string): H2specCase[] {
  return Array.from(
    xml.matchAll(/<testcase package="([^"]*)" classname="([^"]*)"[^>]*>(.*?)<\/testcase>/gs),
    ([, section, title, body = '']) => {
      const [, kind, detail = ''] = /<(skipped|error|failure)[^>]*>(.*)<\/\1>/s.exec(body) ?? [];
      const outcome = kind === undefined ? 'passed' : kind === 'skipped' ? 'skipped' : 'failed';
      return { name: `${section}: ${plain(title)}`, outcome, detail: plain(detail) };
    },
  );
}

const entities: Readonly<Record<string, string>> = { '#34': '"', '#39': "'", quot: '"', apos: "'", amp: '&', lt: '<', gt: '>' };

function plain(text = ''): string {
  return text.replace(/&([#\w]+);/g, (whole, name: string) => entities[name] ?? whole);
}

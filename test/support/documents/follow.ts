import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { root } from '../programs.js';
import { lacksModules, noPython, testInterpreter } from '../pythons.js';
import { fetchWheels } from '../wheels.js';
import type { Directive, Step } from './page.js';
import { pages, parts, stepsOf } from './pages.js';
import { Reader } from './reader.js';

/** Tests that do what the pages of one part say, page by page; each block is a test by the name of its place. */
export async function followPages(part: keyof typeof parts): Promise<void> {
  const registryProblem = await lacksWheels();
  for (const page of pages()) {
    const steps = stepsOf(page).filter(({ language, section }) => language !== '' && parts[part](page, section));
    if (steps.length > 0) describe(page, () => followPage(page, steps, registryProblem));
  }
}

function followPage(page: string, steps: readonly Step[], registryProblem: string | false): void {
  let reader: Reader;
  const ends: (() => Promise<void> | void)[] = [];
  before(async () => {
    reader = await Reader.start({ after: (clean) => void ends.push(clean) });
  });
  after(async () => {
    for (const end of ends) await end();
  });
  for (const step of steps) {
    const name = `${page}:${step.line} ${step.text.trim().split('\n', 1)[0] ?? ''}`;
    test(name, { skip: problemOf(step, registryProblem) }, () => reader.follow(step));
  }
}

/** Why a block cannot be tried here; `false` when it can. */
function problemOf({ directive, language, text }: Step, registryProblem: string | false): string | false {
  if (directive.kind === 'skip') return directive.reason;
  if (directive.kind === 'needs') return missing(directive);
  if (language === 'python') return lacksModules('grpc');
  const installs = wantsWheels(text);
  return (installs || /python/.test(text)) && (noPython || (installs && registryProblem));
}

function missing({ name, reason }: Directive): string | false {
  for (const each of name.split(' ')) {
    if (/^[A-Z_]+$/.test(each)) {
      if (process.env[each] === undefined) return `${reason}; set ${each}`;
    } else if (!isOnPath(each)) return `there is no ${each} on the path`;
  }
  return false;
}

function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}

/** Whether a block deploys a function of the checkout for which the daemon installs something. */
function wantsWheels(text: string): boolean {
  return [...text.matchAll(/functions\/[\w-]+/g)].some(([folder]) => existsSync(join(root, folder, 'requirements.txt')));
}

async function lacksWheels(): Promise<string | false> {
  const found = noPython === false ? await fetchWheels(testInterpreter, 'iniconfig==2.1.0') : noPython;
  return typeof found === 'string' ? found : false;
}

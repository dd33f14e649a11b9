/** A .proto file, and what it declares: full names, such as `dcf.v1.InvokeRequest`. The build makes these of the contracts. */
export interface DescribedFile {
  /** Its name, as others import it: `dcf/v1/dcf.proto`. */
  name: string;
  /** The files that it imports. */
  dependencies: readonly string[];
  services: readonly string[];
  messages: readonly string[];
  /** Its enums, and the methods of its services. */
  others: readonly string[];
  /** Its FileDescriptorProto, in base64. */
  descriptor: string;
}

/** Finds files by their names, and by what they declare. */
export class DescriptorIndex {
  /** The names of all services. */
  readonly services: readonly string[];
  private readonly byName: ReadonlyMap<string, DescribedFile>;
  private readonly bySymbol = new Map<string, DescribedFile>();
  private readonly messages: ReadonlySet<string>;

  constructor(files: readonly DescribedFile[]) {
    this.services = files.flatMap((file) => file.services).sort();
    this.byName = new Map(files.map((file) => [file.name, file]));
    this.messages = new Set(files.flatMap((file) => file.messages));
    for (const file of files) for (const symbol of [...file.services, ...file.messages, ...file.others]) this.bySymbol.set(symbol, file);
  }

  /** The descriptors of a file, and of all that it imports, itself first; `undefined` when there is none of that name. */
  file(name: string): readonly Buffer[] | undefined {
    return this.withDependencies(this.byName.get(name));
  }

  /** The descriptors of the file that declares a service, a method, a message or an enum, and of all that it imports. */
  fileOf(symbol: string): readonly Buffer[] | undefined {
    return this.withDependencies(this.bySymbol.get(symbol));
  }

  hasMessage(name: string): boolean {
    return this.messages.has(name);
  }

  private withDependencies(first: DescribedFile | undefined): readonly Buffer[] | undefined {
    if (first === undefined) return undefined;
    const found = new Set([first]);
    // A set goes on with what is added while it is walked.
    for (const { dependencies } of found) {
      for (const name of dependencies) {
        const file = this.byName.get(name);
        if (file !== undefined) found.add(file);
      }
    }
    return Array.from(found, ({ descriptor }) => Buffer.from(descriptor, 'base64'));
  }
}

import protobuf from 'protobufjs/minimal.js';

/** What a client asks (proto/grpc/reflection/v1/reflection.proto). */
export type Question =
  | { kind: 'file'; name: string }
  | { kind: 'symbol'; name: string }
  | { kind: 'extension'; type: string; number: number }
  | { kind: 'extension-numbers'; type: string }
  | { kind: 'services' }
  | { kind: 'none' };

export interface ReflectionRequest {
  host: string;
  question: Question;
  /** The request as it came. */
  bytes: Uint8Array;
}

export type Answer =
  | { kind: 'files'; descriptors: readonly Uint8Array[] }
  | { kind: 'extension-numbers'; type: string }
  | { kind: 'services'; names: readonly string[] }
  | { kind: 'error'; code: number; message: string };

export interface ReflectionReply {
  request: ReflectionRequest;
  answer: Answer;
}

/** Reads a ServerReflectionRequest. @throws Error when it is malformed */
export function decodeRequest(bytes: Uint8Array): ReflectionRequest {
  const reader = protobuf.Reader.create(bytes);
  let host = '';
  let question: Question = { kind: 'none' };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    switch (tag >>> 3) {
      case 1:
        host = reader.string();
        break;
      case 3:
        question = { kind: 'file', name: reader.string() };
        break;
      case 4:
        question = { kind: 'symbol', name: reader.string() };
        break;
      case 5:
        question = readExtension(reader, reader.uint32());
        break;
      case 6:
        question = { kind: 'extension-numbers', type: reader.string() };
        break;
      case 7:
        reader.string();
        question = { kind: 'services' };
        break;
      default:
        reader.skipType(tag & 7);
    }
  }
  return { host, question, bytes };
}

function readExtension(reader: protobuf.Reader, length: number): Question {
  const end = reader.pos + length;
  let type = '';
  let number = 0;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) type = reader.string();
    else if (tag >>> 3 === 2) number = reader.int32();
    else reader.skipType(tag & 7);
  }
  return { kind: 'extension', type, number };
}

/** Writes a ServerReflectionResponse. */
export function encodeReply({ request, answer }: ReflectionReply): Buffer {
  const writer = protobuf.Writer.create();
  writer.uint32(tagOf(1)).string(request.host);
  writer.uint32(tagOf(2)).bytes(request.bytes);
  switch (answer.kind) {
    case 'files':
      writer.uint32(tagOf(4)).fork();
      for (const descriptor of answer.descriptors) writer.uint32(tagOf(1)).bytes(descriptor);
      writer.ldelim();
      break;
    case 'extension-numbers':
      writer.uint32(tagOf(5)).fork().uint32(tagOf(1)).string(answer.type).ldelim();
      break;
    case 'services':
      writer.uint32(tagOf(6)).fork();
      for (const name of answer.names) writer.uint32(tagOf(1)).fork().uint32(tagOf(1)).string(name).ldelim();
      writer.ldelim();
      break;
    case 'error':
      writer.uint32(tagOf(7)).fork().uint32(8).int32(answer.code).uint32(tagOf(2)).string(answer.message).ldelim();
      break;
    default:
      answer satisfies never;
  }
  return Buffer.from(writer.finish());
}

/** The tag of a field that is a text, bytes or a message. */
function tagOf(field: number): number {
  return (field << 3) | 2;
}

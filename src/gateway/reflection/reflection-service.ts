import { statusCodes } from '../../core/errors.js';
import { bidirectional } from '../../grpc/methods.js';
import { type GrpcService, type MethodOptions, service } from '../grpc/grpc-method.js';
import { DescriptorIndex } from './descriptor-index.js';
import { files } from './generated/file-descriptors.js';
import {
  type Answer,
  decodeRequest,
  encodeReply,
  type Question,
  type ReflectionReply,
  type ReflectionRequest,
} from './reflection-messages.js';

interface ReflectionMethods {
  ServerReflectionInfo: { kind: 'bidirectional'; request: ReflectionRequest; reply: ReflectionReply };
}

/** The versions of the service. They differ in nothing but their names, and older clients know only the second. */
const names = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'];

/**
 * Server reflection (https://github.com/grpc/grpc/blob/master/doc/server-reflection.md): what services there are, and what their messages
 * are made of, for clients such as grpcurl that have no contract.
 */
export function reflectionService(options: MethodOptions): GrpcService {
  const index = new DescriptorIndex(files);
  return new Map(names.flatMap((name) => [...methodsOf(name, index, options)]));
}

function methodsOf(name: string, index: DescriptorIndex, options: MethodOptions): GrpcService {
  const definition = {
    path: `/${name}/ServerReflectionInfo`,
    requestDeserialize: decodeRequest,
    responseSerialize: encodeReply,
  };
  return service<ReflectionMethods>(
    { ServerReflectionInfo: definition },
    {
      ServerReflectionInfo: bidirectional(async (requests, replies) => {
        for await (const request of requests) await replies.send({ request, answer: answerTo(request.question, index) });
      }),
    },
    options,
  );
}

/** Answers one question. What is not known is an answer, too, after which a client may ask on. */
export function answerTo(question: Question, index: DescriptorIndex): Answer {
  switch (question.kind) {
    case 'services':
      return { kind: 'services', names: index.services };
    case 'file':
      return filesOr(index.file(question.name), `there is no file ${question.name}`);
    case 'symbol':
      return filesOr(index.fileOf(question.name), `there is no service, method, message or enum ${question.name}`);
    case 'extension':
      // The contracts are in proto3, which has no extensions.
      return notFound(`${question.type} has no extension ${question.number}`);
    case 'extension-numbers':
      return index.hasMessage(question.type)
        ? { kind: 'extension-numbers', type: question.type }
        : notFound(`there is no message ${question.type}`);
    case 'none':
      return { kind: 'error', code: statusCodes.INVALID_ARGUMENT, message: 'the request asks for nothing that is known here' };
    default:
      return question satisfies never;
  }
}

function filesOr(descriptors: readonly Buffer[] | undefined, missing: string): Answer {
  return descriptors === undefined ? notFound(missing) : { kind: 'files', descriptors };
}

function notFound(message: string): Answer {
  return { kind: 'error', code: statusCodes.NOT_FOUND, message };
}

import { ConnectionError } from './errors.js';
import { defaultWindow, maxWindow } from './flow-control.js';
import { maxFrameLength } from './frame.js';

/** The identifiers of settings (RFC 9113, section 6.5.2). */
const identifiers = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

export type SettingName = keyof typeof identifiers;

const settingLength = 6;

/** What the peer has set, of what matters to a server. */
export interface PeerSettings {
  /** The values of SETTINGS_HEADER_TABLE_SIZE in the last frame, in their order: each counts (RFC 7541, section 4.2). */
  headerTableSizes: readonly number[];
  initialWindow: number;
  maxFrameSize: number;
}

/** The settings that hold before the first SETTINGS frame. */
export function defaultSettings(): PeerSettings {
  return { headerTableSizes: [], initialWindow: defaultWindow, maxFrameSize: maxFrameLength };
}

/** The payload of a SETTINGS frame. */
export function encodeSettings(settings: Partial<Record<SettingName, number>>): Buffer {
  const entries = Object.entries(settings);
  const bytes = Buffer.allocUnsafe(entries.length * settingLength);
  for (const [index, [name, value]] of entries.entries()) {
    bytes.writeUInt16BE(identifierOf(name), index * settingLength);
    bytes.writeUInt32BE(value, index * settingLength + 2);
  }
  return bytes;
}

function identifierOf(name: string): number {
  const found = Object.entries(identifiers).find(([known]) => known === name);
  if (found === undefined) throw new TypeError(`HTTP/2 has no setting ${name}`);
  return found[1];
}

/**
 * Reads the payload of a SETTINGS frame; settings that are unknown are ignored.
 *
 * @returns the settings with what the frame changes
 * @throws ConnectionError for values that are not allowed
 */
export function applySettings(before: PeerSettings, bytes: Buffer, start: number, end: number): PeerSettings {
  if ((end - start) % settingLength !== 0) throw new ConnectionError('FRAME_SIZE_ERROR', 'a SETTINGS frame with part of a setting');
  const headerTableSizes: number[] = [];
  const settings = { ...before, headerTableSizes };
  for (let at = start; at < end; at += settingLength) {
    const value = bytes.readUInt32BE(at + 2);
    switch (bytes.readUInt16BE(at)) {
      case identifiers.HEADER_TABLE_SIZE:
        headerTableSizes.push(value);
        break;
      case identifiers.ENABLE_PUSH:
        if (value > 1) throw new ConnectionError('PROTOCOL_ERROR', `SETTINGS_ENABLE_PUSH is ${value}; it must be 0 or 1`);
        break;
      case identifiers.INITIAL_WINDOW_SIZE:
        if (value > maxWindow)
          throw new ConnectionError('FLOW_CONTROL_ERROR', `SETTINGS_INITIAL_WINDOW_SIZE is ${value}; the limit is ${maxWindow}`);
        settings.initialWindow = value;
        break;
      case identifiers.MAX_FRAME_SIZE:
        if (value < maxFrameLength || value > 0xffffff)
          throw new ConnectionError('PROTOCOL_ERROR', `SETTINGS_MAX_FRAME_SIZE is ${value}; it must be 16384 to 16777215`);
        settings.maxFrameSize = value;
        break;
    }
  }
  return settings;
}

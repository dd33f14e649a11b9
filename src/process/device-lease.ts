/** The devices that one replica has, until it gives them back. */
export interface DeviceLease {
  /** As `CUDA_VISIBLE_DEVICES` counts them; `undefined`: whatever the environment says. */
  readonly devices: readonly string[] | undefined;
  /**
   * Waits until no other replica builds its Handlers on these devices: two models that are loaded at once need the most memory
   * of both at once. Resolves with what ends the turn.
   *
   * @throws DcfError CANCELLED when the signal aborts
   */
  turn(signal: AbortSignal): Promise<() => void>;
  release(): void;
}

const nothing = (): void => undefined;

/** Where nobody shares devices out: the replica sees those that the daemon sees. */
export const unmanagedDevices: DeviceLease = { devices: undefined, turn: async () => nothing, release: nothing };

/** What a replica's environment says of its devices: as nvidia-smi numbers them, which is not CUDA's own order. */
export function deviceEnvironment(devices: readonly string[] | undefined): Record<string, string> {
  return devices === undefined ? {} : { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', CUDA_VISIBLE_DEVICES: devices.join(',') };
}

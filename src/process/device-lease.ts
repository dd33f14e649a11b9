/** The devices that one replica has, until it gives them back. */
export interface DeviceLease {
  /** Device numbers as in `CUDA_VISIBLE_DEVICES`; `undefined`: the replica sees what the environment says. */
  readonly devices: readonly string[] | undefined;
  /**
   * Waits until no other replica builds its Handlers on these devices: a model takes the most memory while it is loaded. Resolves
   * with a function that ends the turn.
   *
   * @throws DcfError CANCELLED when the signal aborts
   */
  turn(signal: AbortSignal): Promise<() => void>;
  /** Gives the devices back. */
  release(): void;
}

const nothing = (): void => undefined;

/** The lease where devices are not shared out: the replica sees those that the daemon sees. */
export const unmanagedDevices: DeviceLease = { devices: undefined, turn: async () => nothing, release: nothing };

/** The environment variables that give a replica its devices. They are numbered as in nvidia-smi, which is not CUDA's default order. */
export function deviceEnvironment(devices: readonly string[] | undefined): Record<string, string> {
  return devices === undefined ? {} : { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', CUDA_VISIBLE_DEVICES: devices.join(',') };
}

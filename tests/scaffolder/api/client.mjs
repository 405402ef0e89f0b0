// Calls the whole public interface of Backstage's ScaffolderClient against a running Portico with a worker.
// Arguments: the folder that the package is installed in, the address, a token, the reference of its person.
// Prints the name of each call that passed; exits with 1 at the first that did not.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [packages, baseUrl, token, userEntityRef] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${packages}/`));
// What reads the stream of events is made for browsers.
Object.assign(globalThis, { window: globalThis, document: { removeEventListener() {} } });
const { ScaffolderClient } = require('@backstage/plugin-scaffolder-common');
const options = {
  discoveryApi: { getBaseUrl: async plugin => `${baseUrl}/api/${plugin}` },
  identityApi: { getBackstageIdentity: async () => ({ userEntityRef }) },
  fetchApi: {
    fetch: (url, init) => fetch(url, { ...init, headers: { ...init?.headers, Authorization: `Bearer ${token}` } }),
  },
};
const streaming = new ScaffolderClient(options);
const polling = new ScaffolderClient({ ...options, useLongPollingLogs: true });
const tested = new Set(['getIntegrationsList']); // asks nothing of the backend
const SECRET = 'hunter2-hunter2';

async function check(method, words, work) {
  tested.add(method);
  try {
    await work((...args) => streaming[method](...args));
  } catch (error) {
    console.error(`${method} ${words}: ${error.stack}`);
    process.exit(1);
  }
  console.log(`${method} ${words}`);
}

function eventsOf(client, request) {
  return new Promise((resolve, reject) => {
    const found = [];
    client.streamLogs(request).subscribe({
      next: event => found.push(event),
      error: reject,
      complete: () => resolve(found),
    });
  });
}

async function until(taskId, status) {
  for (let tries = 0; tries < 300; tries += 1) {
    const task = await streaming.getTask(taskId);
    if (task.status === status) return task;
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  throw new Error(`${taskId} does not become ${status}`);
}

const steps = events => events.filter(({ body }) => body.stepId && body.status).map(({ body }) => [body.stepId, body.status]);
const start = async (templateRef, values = {}, secrets) => (await streaming.scaffold({ templateRef, values, secrets })).taskId;

await check('getTemplateParameterSchema', 'shows the form', async call => {
  const { title, steps: pages } = await call('template:default/greets');
  assert.equal(title, 'A service');
  assert.deepEqual(Object.keys(pages[0].schema.properties), ['name', 'token']);
  await assert.rejects(call('template:default/none'), error => error.statusCode === 404 && error.cause.name === 'NotFoundError');
});
await check('listActions', 'tells what each takes', async call => {
  const log = (await call()).find(({ id }) => id === 'debug:log');
  assert.equal(log.schema.input.type, 'object');
  assert.match(log.examples[0].example, /debug:log/);
});
await check('listTemplatingExtensions', 'tells the filters', async call => {
  const { filters, globals } = await call();
  assert.deepEqual(Object.keys(filters).sort(), ['parseEntityRef', 'parseRepoUrl', 'pick', 'projectSlug']);
  assert.deepEqual(globals, { functions: {}, values: {} });
});
await check('autocomplete', 'is refused in words', async call => {
  const request = { token: 't', resource: 'repositories', provider: 'github', context: {} };
  await assert.rejects(call(request), error => error.statusCode === 400 && /Unsupported provider/.test(error.cause.message));
});

let done;
await check('scaffold', 'starts a run', async () => {
  done = await start('template:default/greets', { name: 'payout' }, { token: SECRET });
  assert.match(done, /^[0-9a-f-]{36}$/);
});
await check('scaffold', 'refuses answers that do not fit, and repeats none', async () => {
  await assert.rejects(start('template:default/greets', { name: 'Not Allowed' }, { token: SECRET }), error =>
    /400/.test(error.message) && /instance\.name/.test(error.message) && !error.message.includes(SECRET));
});
let events;
await check('streamLogs', 'streams every event to the end', async () => {
  events = await eventsOf(streaming, { taskId: done });
  assert.deepEqual(steps(events), [['hello', 'processing'], ['hello', 'completed']]);
  assert.equal(events.at(-1).type, 'completion');
  assert.deepEqual(events.at(-1).body.output, { text: [{ title: 'Greeting', content: 'Hello payout' }] });
  assert.ok(events.some(({ body }) => body.message === 'Hello payout, Bearer ***'));
  assert.ok(!JSON.stringify(events).includes(SECRET));
});
await check('streamLogs', 'goes on after an event, streaming and polling', async () => {
  for (const client of [streaming, polling]) {
    assert.deepEqual(await eventsOf(client, { taskId: done, after: events[2].id }), events.slice(3));
    assert.deepEqual(await eventsOf(client, { taskId: done }), events);
  }
});
await check('getTask', 'shows what was asked for', async call => {
  const task = await call(done);
  assert.equal(task.status, 'completed');
  assert.equal(task.createdBy, userEntityRef);
  assert.deepEqual(task.spec.parameters, { name: 'payout' });
  assert.ok(!JSON.stringify(task).includes(SECRET));
  assert.ok(Date.parse(task.lastHeartbeatAt) >= Date.parse(task.createdAt));
  await assert.rejects(call('nothing'), error => error.statusCode === 404);
});
await check('cancelTask', 'stops what goes on, also while it is watched', async call => {
  const taskId = await start('template:default/waits');
  await until(taskId, 'processing');
  const watched = [eventsOf(streaming, { taskId }), eventsOf(polling, { taskId })];
  assert.deepEqual(await call(taskId), { status: 'cancelled' });
  for (const found of await Promise.all(watched)) {
    assert.ok(found.some(({ type }) => type === 'cancelled'));
    assert.equal(found.at(-1).body.status, 'cancelled');
  }
  await until(taskId, 'cancelled');
});
await check('retry', 'runs what failed once more, from where it failed', async call => {
  const taskId = await start('template:default/fails');
  const first = await eventsOf(streaming, { taskId });
  assert.deepEqual(steps(first).at(-1), ['move', 'failed']);
  assert.match(first.at(-1).body.error.message, /Step 2 failed/);
  assert.deepEqual(await call(taskId), { id: taskId });
  const second = await eventsOf(polling, { taskId, after: first.at(-1).id });
  assert.equal(second[0].type, 'recovered');
  assert.deepEqual(steps(second), [['move', 'processing'], ['move', 'failed']]);
  await assert.rejects(call(done), error => error.statusCode === 409 && error.cause.name === 'ConflictError');
});
await check('listTasks', 'finds mine, in pages', async call => {
  const { tasks, totalTasks } = await call({ filterByOwnership: 'owned', limit: 2, offset: 1 });
  assert.deepEqual([tasks.length, totalTasks], [2, 3]);
  assert.equal(tasks.at(-1).id, done);
  assert.equal((await call({ filterByOwnership: 'all' })).totalTasks, 3);
});
await check('dryRun', 'shows files and output, and does nothing', async call => {
  const { spec } = await streaming.getTask(done);
  const template = {
    apiVersion: spec.apiVersion,
    kind: 'Template',
    metadata: { name: 'tried' },
    spec: {
      type: 'service',
      steps: [{ id: 'fetch', action: 'fetch:template', input: { url: './skeleton', values: { name: '${{ parameters.name }}' } } }],
      output: { text: [{ content: '${{ parameters.name }}' }] },
    },
  };
  const directoryContents = [{ path: 'skeleton/a.txt', base64Content: Buffer.from('${{ values.name }}!').toString('base64') }];
  const found = await call({ template, values: { name: 'payout' }, directoryContents });
  assert.deepEqual(found.directoryContents.map(({ path, base64Content }) => [path, atob(base64Content)]), [['a.txt', 'payout!']]);
  assert.deepEqual(found.output, { text: [{ content: 'payout' }] });
  assert.deepEqual(steps(found.log), [['fetch', 'processing'], ['fetch', 'completed']]);
  const broken = { ...template, spec: { ...template.spec, steps: [{ action: 'acme:thing' }] } };
  await assert.rejects(call({ template: broken, values: {}, directoryContents }), error => /acme:thing/.test(error.cause.message));
});

const untested = Object.getOwnPropertyNames(ScaffolderClient.prototype)
  .filter(name => name !== 'constructor' && !/^(requestRequired|streamLogsEventStream|streamLogsPolling)$/.test(name))
  .filter(name => !tested.has(name));
assert.deepEqual(untested, []);

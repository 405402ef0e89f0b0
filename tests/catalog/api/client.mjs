// Calls the whole public interface of @backstage/catalog-client against a running Portico and checks the answers.
// Arguments: the folder that the package is installed in, the address, a token, a readable folder to register.
// Prints the name of each call that passed; exits with 1 at the first that did not.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [packages, baseUrl, token, folder] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${packages}/`));
const { CatalogClient, CATALOG_FILTER_EXISTS } = require('@backstage/catalog-client');
const client = new CatalogClient({ discoveryApi: { getBaseUrl: async plugin => `${baseUrl}/api/${plugin}` } });
const as = { token };
const names = items => items.map(item => item.metadata.name);
const tested = new Set();

async function check(method, words, work) {
  tested.add(method);
  try {
    await work((...args) => client[method](...(args.length ? args : [{}]), as));
  } catch (error) {
    console.error(`${method} ${words}: ${error.stack}`);
    process.exit(1);
  }
  console.log(`${method} ${words}`);
}

await check('getEntities', 'returns everything', async call => {
  const { items } = await call();
  assert.equal(items.length, 9);
  assert.ok(items.every(item => item.metadata.uid && item.metadata.etag && Array.isArray(item.relations)));
});
await check('getEntities', 'filters by sets of conditions', async call => {
  const both = await call({ filter: [{ kind: 'api' }, { kind: ['system', 'resource'] }] });
  assert.deepEqual(names(both.items).sort(), ['ledger', 'money', 'pay-api']);
  const tagged = await call({ filter: { 'metadata.tags': CATALOG_FILTER_EXISTS, kind: 'System' } });
  assert.deepEqual(names(tagged.items), ['money']);
  assert.deepEqual((await call({ filter: { kind: 'nope' } })).items, []);
});
await check('getEntities', 'selects fields', async call => {
  const { items } = await call({ filter: { kind: 'api' }, fields: ['kind', 'metadata.name'] });
  assert.deepEqual(items, [{ kind: 'API', metadata: { name: 'pay-api' } }]);
});
await check('getEntities', 'orders, and cuts by offset and limit', async call => {
  const order = [{ field: 'kind', order: 'desc' }, { field: 'metadata.name', order: 'asc' }];
  const { items } = await call({ filter: { kind: ['component', 'system'] }, order, offset: 1, limit: 2 });
  assert.deepEqual(names(items), ['billing', 'payments']);
});
await check('getEntities', 'refuses in words', async call => {
  await assert.rejects(call({ limit: 0 }), error => error.name === 'ResponseError' && error.statusCode === 400
    && error.cause.name === 'InputError' && /greater than zero/.test(error.cause.message));
});
await check('getEntitiesByRefs', 'keeps order, with gaps', async call => {
  const entityRefs = ['resource:default/ledger', 'component:default/none', 'component:payments'];
  const { items } = await call({ entityRefs, fields: ['metadata.name'] });
  assert.deepEqual(items.map(item => item?.metadata.name), ['ledger', undefined, 'payments']);
  const narrowed = await call({ entityRefs, query: { kind: 'resource' }, filter: { 'spec.type': 'database' } });
  assert.deepEqual(narrowed.items.map(item => item?.metadata.name), ['ledger', undefined, undefined]);
});
await check('getEntityByRef', 'finds one, or nothing', async call => {
  const entity = await call('component:default/payments');
  assert.deepEqual(entity.relations[0], { type: 'dependsOn', targetRef: 'resource:default/ledger' });
  assert.equal(await call({ kind: 'Component', namespace: 'default', name: 'none' }), undefined);
});
await check('getEntityByName', 'finds one', async call => {
  assert.equal((await call({ kind: 'API', name: 'pay-api' })).kind, 'API');
});
await check('getEntityAncestors', 'leads up to the location', async call => {
  const { rootEntityRef, items } = await call({ entityRef: 'api:default/pay-api' });
  assert.equal(rootEntityRef, 'api:default/pay-api');
  assert.deepEqual(items[0].parentEntityRefs, ['location:default/index']);
  assert.ok(items.every(item => item.entity.kind));
});
await check('getEntityFacets', 'counts values', async call => {
  const { facets } = await call({ facets: ['kind', 'spec.lifecycle'], filter: { kind: 'component' } });
  assert.deepEqual(facets.kind, [{ value: 'Component', count: 4 }]);
  assert.equal(facets['spec.lifecycle'].length, 3);
  const asked = await call({ facets: ['kind'], query: { $not: { kind: 'component' } } });
  assert.ok(asked.facets.kind.every(({ value }) => value !== 'Component'));
});

async function walk(call, request) {
  const first = await call(request);
  const pages = [first];
  while (pages.at(-1).pageInfo.nextCursor) {
    pages.push(await call({ cursor: pages.at(-1).pageInfo.nextCursor, limit: request.limit }));
  }
  const back = [pages.at(-1)];
  while (back.at(-1).pageInfo.prevCursor) {
    back.push(await call({ cursor: back.at(-1).pageInfo.prevCursor, limit: request.limit }));
  }
  assert.deepEqual(back.reverse().map(page => names(page.items)), pages.map(page => names(page.items)));
  assert.ok(pages.every(page => page.totalItems === first.totalItems));
  return pages.flatMap(page => names(page.items));
}
const orderFields = { field: 'metadata.name', order: 'asc' };
await check('queryEntities', 'goes through pages in both directions', async call => {
  const found = await walk(call, { filter: { kind: 'component' }, orderFields, limit: 2 });
  assert.deepEqual(found, ['billing', 'payments', 'refunds', 'widgets']);
});
await check('queryEntities', 'goes on after a predicate', async call => {
  const query = { $any: [{ kind: 'component', 'spec.type': { $in: ['service'] } }, { kind: 'api' }] };
  const found = await walk(call, { query, orderFields, limit: 1 });
  assert.deepEqual(found, ['pay-api', 'payments', 'refunds']);
});
await check('queryEntities', 'joins filter and predicate', async call => {
  const { items } = await call({
    query: { $all: [{ kind: { $exists: true } }, { 'metadata.name': { $hasPrefix: 'pay' } }] },
    filter: { kind: ['api', 'system'] },
  });
  assert.deepEqual(names(items), ['pay-api']);
});
await check('queryEntities', 'knows relations and lists', async call => {
  const owned = { relations: { $contains: { type: 'ownedBy', targetRef: 'group:default/nobody' } } };
  assert.deepEqual(names((await call({ query: owned })).items), ['refunds']);
  assert.deepEqual(names((await call({ query: { 'metadata.tags': { $contains: 'pci' } } })).items), ['money']);
});
await check('queryEntities', 'searches texts', async call => {
  const fullTextFilter = { term: 'PAY', fields: ['metadata.name', 'metadata.title'] };
  const { items, totalItems } = await call({ fullTextFilter, orderFields, fields: ['metadata.name'] });
  assert.deepEqual(names(items), ['pay-api', 'payments', 'payments']);
  assert.equal(totalItems, 3);
});
await check('queryEntities', 'only counts, or does not count', async call => {
  assert.deepEqual(await call({ limit: 0 }), { items: [], totalItems: 9, pageInfo: {} });
  assert.equal((await call({ totalItems: 'exclude', limit: 1 })).totalItems, 0);
  assert.deepEqual(names((await call({ offset: 1, limit: 1, filter: { kind: 'component' }, orderFields })).items), ['payments']);
});
await check('queryEntities', 'refuses in words', async call => {
  await assert.rejects(call({ query: { $bogus: 1 } }), error => error.statusCode === 400 && /\$bogus/.test(error.cause.message));
});
await check('streamEntities', 'yields every page', async call => {
  const pages = [];
  for await (const page of call({ pageSize: 2, filter: { kind: 'component' } })) pages.push(names(page));
  assert.deepEqual(pages.flat().sort(), ['billing', 'payments', 'refunds', 'widgets']);
  assert.equal(pages.length, 2);
});
await check('refreshEntity', 'has it read again', async call => {
  await call('component:default/payments');
  await assert.rejects(call('component:default/none'), error => error.statusCode === 404);
});
await check('validateEntity', 'accepts and refuses', async call => {
  const entity = {
    apiVersion: 'backstage.io/v1alpha1', kind: 'Component', metadata: { name: 'x' },
    spec: { type: 'service', lifecycle: 'production', owner: 'payments' },
  };
  assert.deepEqual(await call(entity, 'url:https://example.org/catalog-info.yaml'), { valid: true });
  const { valid, errors } = await call({ ...entity, spec: {} }, 'url:https://example.org/catalog-info.yaml');
  assert.equal(valid, false);
  assert.ok(errors.length && errors.every(error => error.name && error.message));
});
await check('analyzeLocation', 'suggests a first document', async call => {
  const { existingEntityFiles, generateEntities } = await call({
    location: { type: 'url', target: 'https://git.localhost/example-org/smoke' },
  });
  assert.deepEqual(existingEntityFiles, []);
  assert.equal(generateEntities[0].entity.metadata.name, 'smoke');
});

const place = { type: 'file', target: `${folder}/catalog-info.yaml` };
await check('addLocation', 'tries without writing', async call => {
  const { location, entities, exists } = await call({ ...place, dryRun: true });
  assert.equal(location.target, place.target);
  assert.deepEqual(names(entities), ['fresh']);
  assert.equal(exists, false);
});
let added;
await check('addLocation', 'registers once', async call => {
  ({ location: added } = await call(place));
  await assert.rejects(call(place), error => error.statusCode === 409 && error.cause.name === 'ConflictError');
  assert.equal((await call({ ...place, onConflict: 'refresh' })).location.id, added.id);
});
await check('getLocations', 'lists it', async call => {
  const { items } = await call();
  assert.deepEqual(items.find(item => item.id === added.id), added);
});
await check('queryLocations', 'finds it', async call => {
  const { items, totalItems } = await call({ query: { target: place.target } });
  assert.deepEqual([items, totalItems], [[added], 1]);
});
await check('streamLocations', 'yields every page', async call => {
  const found = [];
  for await (const page of call({ limit: 1 })) found.push(...page);
  assert.ok(found.length >= 2 && found.some(item => item.id === added.id));
});
await check('getLocationById', 'finds it, or nothing', async call => {
  assert.deepEqual(await call(added.id), added);
  assert.equal(await call('00000000-0000-4000-8000-000000000000'), undefined);
});
await check('getLocationByRef', 'finds it', async call => {
  assert.deepEqual(await call(`file:${place.target}`), added);
});
await check('getLocationByEntity', 'finds where an entity came from', async call => {
  assert.ok((await call('component:default/payments')).target);
  assert.equal(await call('component:default/none'), undefined);
});
await check('updateLocation', 'moves it', async call => {
  const moved = await call(added.id, { type: 'file', target: `${folder}/other.yaml` });
  assert.deepEqual([moved.id, moved.target], [added.id, `${folder}/other.yaml`]);
});
await check('removeLocationById', 'removes it', async call => {
  await call(added.id);
  await assert.rejects(call(added.id), error => error.statusCode === 404);
});
await check('removeEntityByUid', 'removes one, and what is gone already', async call => {
  const { metadata } = await client.getEntityByRef('component:default/billing', as);
  await call(metadata.uid);
  await call(metadata.uid);
  assert.equal(await client.getEntityByRef('component:default/billing', as), undefined);
});

await assert.rejects(client.getEntities({}, { token: 'ptc_wrong' }), error => error.statusCode === 401);
const internal = new Set(['constructor', 'queryEntitiesByPredicate', 'getEntityFacetsByPredicate',
  'requestIgnored', 'requestRequired', 'requestOptional', 'getFilterValue']);
const missed = Object.getOwnPropertyNames(CatalogClient.prototype).filter(name => !internal.has(name) && !tested.has(name));
assert.deepEqual(missed, [], 'methods of the client that are not called here');

// Renders the cases of a file with the real nunjucks, as Backstage's scaffolder sets it up, and writes the results.
//     node generate.js cases.json out.json       with nunjucks, lodash.get and @backstage/catalog-model installed
// A case with `source` is a file of a skeleton, one with `value` a text of template.yaml, which keeps its type when it
// is one single expression. What comes out undefined, and what is refused, is marked as such.
const fs = require('fs');
const nunjucks = require('nunjucks');
const get = require('lodash.get');
const { parseEntityRef } = require('@backstage/catalog-model');

// As parseRepoUrl of @backstage/plugin-scaffolder-node does for a host that is GitHub.
function parseRepoUrl(repoUrl) {
  const parsed = new URL(`https://${repoUrl}`);
  const part = name => parsed.searchParams.get(name) ?? undefined;
  const found = { host: parsed.host, owner: part('owner'), repo: part('repo') };
  if (!found.owner || !found.repo) throw new Error(`Invalid repo URL passed to publisher: ${parsed}`);
  return { ...found, organization: part('organization'), workspace: part('workspace'), project: part('project') };
}
const filters = {
  parseRepoUrl,
  parseEntityRef,
  pick: get,
  projectSlug: repoUrl => `${parseRepoUrl(repoUrl).owner}/${parseRepoUrl(repoUrl).repo}`,
};

function environment({ compat, options }) {
  const variableStart = compat ? '{{' : '${{';
  const env = nunjucks.configure({ autoescape: false, ...options, tags: { variableStart, variableEnd: '}}' } });
  if (compat) {
    return env.addFilter('jsonify', env.getFilter('dump'));
  }
  for (const [name, filter] of Object.entries(filters)) {
    env.addFilter(name, (...args) => {
      // Backstage hands values to its filters, and back, across the border of its sandbox.
      const found = JSON.stringify(filter(...structuredClone(args)));
      return found === undefined ? undefined : JSON.parse(found);
    });
  }
  return env;
}

const TAGS = { autoescape: false, tags: { variableStart: '${{', variableEnd: '}}' } };

// NunjucksWorkflowRunner of plugin-scaffolder-backend: one single expression is dumped and parsed again.
function valueOf(text, env, context) {
  const { parser, nodes } = nunjucks;
  let isSingle = false;
  try {
    const { children } = parser.parse(text, {}, TAGS);
    isSingle = children.length === 1 && !(children[0]?.children?.[0] instanceof nodes.TemplateData);
    if (isSingle) {
      const dumped = env.renderString(text.replace(/\${{(.+)}}/g, '${{ ( $1 ) | dump }}'), context);
      return dumped === '' ? undefined : JSON.parse(dumped);
    }
  } catch (error) {
    // rendered as text then
  }
  const found = env.renderString(text, context);
  return found === '' ? undefined : found;
}

const [file, target] = process.argv.slice(2);
const fixture = JSON.parse(fs.readFileSync(file));
let uninstall = () => {};
for (const testCase of fixture.cases) {
  for (const key of ['expected', 'undefined', 'error']) delete testCase[key];
  const context = JSON.parse(JSON.stringify(fixture.context));
  if (testCase.compat) context.cookiecutter = context.values;
  uninstall();
  uninstall = testCase.compat ? nunjucks.installJinjaCompat() : () => {};
  try {
    const env = environment(testCase);
    const found = 'value' in testCase ? valueOf(testCase.value, env, context) : env.renderString(testCase.source, context);
    if (found === undefined) testCase.undefined = true;
    else testCase.expected = found;
  } catch (error) {
    testCase.error = true;
  }
}
const lines = fixture.cases.map(testCase => '    ' + JSON.stringify(testCase));
const head = Object.entries(fixture).filter(([key]) => key !== 'cases');
const parts = head.map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},\n`);
fs.writeFileSync(target, `{\n${parts.join('')}  "cases": [\n${lines.join(',\n')}\n  ]\n}\n`);

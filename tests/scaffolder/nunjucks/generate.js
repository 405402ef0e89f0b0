// Renders the cases of cases.json with the real nunjucks, as Backstage configures it, and writes the results back.
// Only needed when cases are added:  npm install nunjucks@3.2.4 && node generate.js cases.json
const fs = require('fs');
const nunjucks = require('nunjucks');

function renderer(testCase) {
  const variableStart = testCase.compat ? '{{' : '${{';
  return nunjucks.configure({ autoescape: false, ...testCase.options, tags: { variableStart, variableEnd: '}}' } });
}

const file = process.argv[2];
const fixture = JSON.parse(fs.readFileSync(file));
let uninstall = () => {};
for (const testCase of fixture.cases) {
  delete testCase.expected;
  delete testCase.error;
  const context = JSON.parse(JSON.stringify(fixture.context));
  if (testCase.compat) context.cookiecutter = context.values;
  uninstall();
  uninstall = testCase.compat ? nunjucks.installJinjaCompat() : () => {};
  try {
    testCase.expected = renderer(testCase).renderString(testCase.source, context);
  } catch (error) {
    testCase.error = true;
  }
}
const lines = fixture.cases.map((testCase) => '    ' + JSON.stringify(testCase));
fs.writeFileSync(
  file,
  `{\n  "context": ${JSON.stringify(fixture.context)},\n  "cases": [\n${lines.join(',\n')}\n  ]\n}\n`,
);

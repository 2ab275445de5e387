// Prints, as JSON, what the AsyncAPI project's own parser finds wrong with each FILE, however slight: node validate.js FILE...
import parser from "@asyncapi/parser";

const { Parser, fromFile } = parser;
const found = {};
for (const file of process.argv.slice(2)) {
  const { diagnostics } = await fromFile(new Parser(), file).parse();
  found[file] = diagnostics.map(({ code, path, message }) => `${code} at ${path.join(".")}: ${message}`);
}
console.log(JSON.stringify(found));

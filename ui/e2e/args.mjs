/** parseArgs reads --name value and --name=value; names may repeat only where listed. */
export function parseArgs(argv, known) {
  const args = {};
  for (let at = 0; at < argv.length; at++) {
    const match = /^--([a-z-]+)(?:=(.*))?$/.exec(argv[at]);
    if (!match || !(match[1] in known)) {
      const names = Object.entries(known).map(([name, help]) => `  --${name.padEnd(20)} ${help}`);
      throw new Error(`unknown argument ${argv[at]}\n${names.join("\n")}`);
    }
    args[match[1]] = match[2] ?? argv[++at];
    if (args[match[1]] === undefined) throw new Error(`--${match[1]} needs a value`);
  }
  return args;
}

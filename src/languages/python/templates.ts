import { type LanguageTemplates, manifestSchemaText, schemaFile } from '../shared/language-templates.js';

const hello = `class Handler:
    """Built once for each worker; called for every call."""

    def __init__(self, parameters=None):
        self.greeting = (parameters or {}).get("greeting", "Hello")

    def __call__(self, req):
        name = req.input.decode("utf-8").strip() or "world"
        return f"{self.greeting}, {name}!\\n"
`;

const json = `import json


class Handler:
    """Built once for each worker; called for every call."""

    def __call__(self, req):
        values = json.loads(req.input)
        if not isinstance(values, list) or not all(isinstance(value, (int, float)) for value in values):
            raise ValueError("send a JSON list of numbers")
        return {"count": len(values), "sum": sum(values)}
`;

/** The files of new functions in Python. */
export const pythonTemplates: LanguageTemplates = {
  file: 'handler.py',
  sources: { hello, json },
  // The schema is copied, as the folder of a Python function has no node_modules with the SDK.
  schema: `./${schemaFile}`,
  editorFiles: () => ({ [schemaFile]: manifestSchemaText() }),
  finish: async () => undefined,
};

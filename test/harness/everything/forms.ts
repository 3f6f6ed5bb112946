/** The forms that the suite expects, word by word (SEP-1034: defaults; SEP-1330: choices). */
// table
const titles = (noun: string, stem: string) =>
  ['First', 'Second', 'Third'].map((nth, i) => ({ const: `${stem}${i + 1}`, title: `${nth} ${noun}` }));

export const forms = {
  response: {
    type: 'object' as const,
    properties: { response: { type: 'string' as const, description: "User's response" } },
    required: ['response'],
  },
  defaults: {
    type: 'object' as const,
    properties: {
      name: { type: 'string' as const, description: 'User name', default: 'John Doe' },
      age: { type: 'integer' as const, description: 'User age', default: 30 },
      score: { type: 'number' as const, description: 'User score', default: 95.5 },
      status: {
        type: 'string' as const,
        description: 'User status',
        enum: ['active', 'inactive', 'pending'],
        default: 'active',
      },
      verified: { type: 'boolean' as const, description: 'Verification status', default: true },
    },
    required: [],
  },
  enums: {
    type: 'object' as const,
    properties: {
      untitledSingle: { type: 'string' as const, enum: ['option1', 'option2', 'option3'] },
      titledSingle: { type: 'string' as const, oneOf: titles('Option', 'value') },
      legacyEnum: {
        type: 'string' as const,
        enum: ['opt1', 'opt2', 'opt3'],
        enumNames: ['Option One', 'Option Two', 'Option Three'],
      },
      untitledMulti: {
        type: 'array' as const,
        items: { type: 'string' as const, enum: ['option1', 'option2', 'option3'] },
      },
      titledMulti: { type: 'array' as const, items: { anyOf: titles('Choice', 'value') } },
    },
    required: [],
  },
};

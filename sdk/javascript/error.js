/** An error for the operator: say what failed, on which column or option, and what to do. */
export class TidelakeError extends Error {
  /** `code` is one of the codes of `wit/types.wit`, such as `invalid-input`. */
  constructor(message, code = "invalid-input") {
    super(message);
    this.code = code;
  }

  static option(name, message) {
    return new TidelakeError(`option \`${name}\`: ${message}`);
  }

  static column(name, message) {
    return new TidelakeError(`column \`${name}\`: ${message}`);
  }
}

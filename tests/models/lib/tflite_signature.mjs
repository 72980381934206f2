// The inputs and outputs of a TFLite file's first subgraph, in its order, with their tensor names. The reference
// runtime speaks of them by the names of the signature, where the file has one, and in its order.

// Just enough of FlatBuffers: a table's field is found through its vtable; 0 means that it is absent.
class Table {
  constructor(bytes, at) {
    this.bytes = bytes;
    this.at = at;
  }
  offset(field) {
    const vtable = this.at - this.bytes.readInt32LE(this.at);
    const slot = 4 + 2 * field;
    const delta = slot < this.bytes.readUInt16LE(vtable) ? this.bytes.readUInt16LE(vtable + slot) : 0;
    return delta ? this.at + delta : 0;
  }
  follow(field) {
    const at = this.offset(field);
    return at ? at + this.bytes.readUInt32LE(at) : 0;
  }
  text(field) {
    const at = this.follow(field);
    return at ? this.bytes.toString('utf8', at + 4, at + 4 + this.bytes.readUInt32LE(at)) : '';
  }
  ints(field) {
    const at = this.follow(field);
    return at ? Array.from({ length: this.bytes.readUInt32LE(at) }, (_, i) => this.bytes.readInt32LE(at + 4 + 4 * i)) : [];
  }
  tables(field) {
    const at = this.follow(field);
    if (!at) return [];
    return Array.from({ length: this.bytes.readUInt32LE(at) }, (_, i) => {
      const slot = at + 4 + 4 * i;
      return new Table(this.bytes, slot + this.bytes.readUInt32LE(slot));
    });
  }
  number(field) {
    const at = this.offset(field);
    return at ? this.bytes.readUInt32LE(at) : 0;
  }
}

export function readSignature(bytes) {
  const model = new Table(bytes, bytes.readUInt32LE(0));
  const subgraph = model.tables(2)[0];
  const tensors = subgraph.tables(0);
  const signature = model.tables(7).find((s) => s.number(4) === 0);
  const named = (maps) => new Map((maps ?? []).map((m) => [m.number(1), m.text(0)]));
  const list = (indices, names) => indices.map((i) => ({ name: tensors[i].text(3), signatureName: names.get(i) ?? tensors[i].text(3) }));
  return {
    inputs: list(subgraph.ints(1), named(signature?.tables(0))),
    outputs: list(subgraph.ints(2), named(signature?.tables(1))),
  };
}

// Just enough of the Kafka protocol to ask a broker who it knows: Metadata version 1, without topics.
import { once } from 'node:events';
import { connect } from 'node:net';

const METADATA = 3;

function request(): Buffer {
  const body = Buffer.alloc(18);
  body.writeInt16BE(METADATA, 4);
  body.writeInt16BE(1, 6);
  body.writeInt32BE(99, 8);
  // A null client id, and an empty list of topics: none of them.
  body.writeInt16BE(-1, 12);
  body.writeInt32BE(0, 14);
  body.writeInt32BE(body.length - 4, 0);
  return body;
}

async function exchange(address: string): Promise<Buffer> {
  const [host, port] = address.split(':');
  const socket = connect({ host: host ?? '', port: Number(port) });
  await once(socket, 'connect');
  socket.write(request());
  let answer = Buffer.alloc(0);
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length >= 4 && answer.length >= 4 + answer.readInt32BE(0)) return answer.subarray(4);
    }
  } finally {
    socket.destroy();
  }
  throw new Error('the broker closed the connection');
}

/** The ids of the brokers that the one at `address` (`host:port`) knows to be alive, in order. */
export async function aliveBrokers(address: string): Promise<number[]> {
  const answer = await exchange(address);
  if (answer.readInt32BE(0) !== 99) throw new Error('not an answer to the question');
  const ids: number[] = [];
  let at = 8;
  for (let left = answer.readInt32BE(4); left > 0; left--) {
    ids.push(answer.readInt32BE(at));
    // Host: a string; port: four bytes; rack: a nullable string.
    at += 4;
    at += 2 + answer.readInt16BE(at) + 4;
    at += 2 + Math.max(0, answer.readInt16BE(at));
  }
  return ids.sort();
}

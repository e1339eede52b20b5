// Loaded before the server: each connection and each look-up of a name fails, and is a line on stderr.
const dgram = require('node:dgram');
const dns = require('node:dns');
const net = require('node:net');

function refuse(what) {
  return (...parameters) => {
    const target = parameters.flat().find((each) => each && typeof each !== 'function');
    const place = target?.host ? `${target.host}:${target.port}` : JSON.stringify(target);
    process.stderr.write(`no network: ${what} ${place}\n`);
    throw new Error(`no network: ${what}`);
  };
}

net.Socket.prototype.connect = refuse('connect');
dgram.Socket.prototype.send = refuse('send');
for (const name of Object.keys(dns).filter((each) => /^(lookup|resolve)/.test(each))) {
  dns[name] = refuse(name);
  if (dns.promises[name]) dns.promises[name] = refuse(name);
}

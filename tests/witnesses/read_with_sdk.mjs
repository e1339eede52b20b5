// Reads the stand-in of Graph with Microsoft's client for JavaScript, and prints what it sees as JSON.
// It runs as a process of test_microsoft_clients.py, with the stand-in's addresses in the environment.
import { Client, PageIterator } from "@microsoft/microsoft-graph-client";

const { GRAPH, LOGIN, TENANT, CLIENT, SECRET, SELECT, STAFF } = process.env;

async function accessToken() {
  const form = new URLSearchParams({
    client_id: CLIENT,
    client_secret: SECRET,
    grant_type: "client_credentials",
    scope: "https://graph.microsoft.com/.default",
  });
  const answer = await fetch(`${LOGIN}/${TENANT}/oauth2/v2.0/token`, { method: "POST", body: form });
  return (await answer.json()).access_token;
}

const client = Client.initWithMiddleware({
  authProvider: { getAccessToken: accessToken },
  baseUrl: GRAPH,
  customHosts: new Set(["localhost"]),
});

async function rows(path) {
  const found = [];
  const page = await client.api(path).get();
  const iterator = new PageIterator(client, page, (row) => found.push(row));
  await iterator.iterate();
  return [found, iterator.getDeltaLink()];
}

const [users] = await rows(`/users?$select=${SELECT}&$top=3`);
const [members] = await rows(`/groups/${STAFF}/members?$top=2`);
const [delta, link] = await rows("/users/delta?$select=id,department");
const [changes] = await rows(link.replace(`${GRAPH}/v1.0`, ""));
console.log(JSON.stringify({ users, members, delta, changes }));

"""Drive an agent's ad-hoc commands with slixmpp (XEP-0050, XEP-0004), as somebody else's program would.

usage: slixmpp-session.py RIG_JSON ROLE FULL_JID < steps.json > results.json
A step is {"do": "list"} or {"do": "run", "node": N, "forms": [{field: value}, ... or "cancel"]}: a form for each stage.
"""
import asyncio
import json
import sys

import slixmpp
from slixmpp.exceptions import IqError, IqTimeout


class Session(slixmpp.ClientXMPP):
    def __init__(self, rig, account, peer, steps):
        super().__init__(account["jid"] + "/slixmpp", account["password"])
        self.ca_certs, self.peer, self.steps, self.results = rig["ca"], peer, steps, []
        for plugin in ("xep_0030", "xep_0004", "xep_0050"):
            self.register_plugin(plugin)
        self.add_event_handler("session_start", self.begin)
        self.add_event_handler("failed_auth", lambda _: self.stop("login refused"))

    def stop(self, problem=None):
        if problem:
            self.results.append({"problem": problem})
        self.disconnect()

    async def begin(self, _):
        self.send_presence()
        try:
            for step in self.steps:
                self.results.append(await getattr(self, step["do"])(step))
        except (IqError, IqTimeout) as error:
            self.results.append({"problem": error.condition, "text": error.iq["error"]["text"]})
        finally:
            self.stop()

    async def list(self, _):
        answer = await self["xep_0050"].get_commands(self.peer)
        return {"nodes": [item[1] for item in answer["disco_items"]["items"]]}

    async def run(self, step):
        """One command through all its stages; what the peer said at each."""
        stages, answer, session = [], None, None
        for form in [None, *step["forms"]]:
            action = "execute" if form is None else "cancel" if form == "cancel" else "next"
            try:
                answer = await self.send_stage(step["node"], session, action, form)
            except IqError as error:
                stages.append({"error": error.iq["error"]["condition"], "text": error.iq["error"]["text"]})
                return {"stages": stages}
            command = answer["command"]
            session = command["sessionid"]
            stages.append(self.told(command))
        return {"stages": stages}

    def send_stage(self, node, session, action, fields):
        iq = self.make_iq_set(ito=self.peer)
        iq["command"]["node"] = node
        iq["command"]["action"] = action
        if session:
            iq["command"]["sessionid"] = session
        if isinstance(fields, dict):
            form = self["xep_0004"].make_form("submit")
            for name, value in {**self.hidden, **fields}.items():
                form.add_field(var=name, value=value)
            iq["command"].append(form)
        return iq.send(timeout=60)

    def told(self, command):
        form = command["form"]
        fields = form.get_fields()
        self.hidden = {name: field["value"] for name, field in fields.items() if field["type"] == "hidden"}
        return {
            "status": command["status"],
            "actions": sorted(command["actions"]),
            "notes": [list(note) for note in command["notes"]],
            "fields": {name: {"type": field["type"], "value": field["value"], "options": [o["value"] for o in field["options"]]}
                       for name, field in fields.items()},
            "columns": list(form.get_reported()),
            "items": [dict(item) for item in form.get_items()],
        }


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        rig = json.load(file)
    account = next(a for a in rig["accounts"] if a["role"] == sys.argv[2])
    session = Session(rig, account, sys.argv[3], json.load(sys.stdin))
    session.connect((rig["xmpp"]["host"], rig["xmpp"]["port"]))
    session.process(forever=False)
    json.dump(session.results, sys.stdout)


if __name__ == "__main__":
    main()

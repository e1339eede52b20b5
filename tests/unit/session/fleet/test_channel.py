from __future__ import annotations

import socket

from reconciler.session.fleet.channel import MessageChannel


def test_messages_arrive_whole_in_order_whatever_the_pieces() -> None:
    ours, theirs = socket.socketpair()
    channel = MessageChannel(ours)
    theirs.sendall(b'{"a": 1}\n{"b"')
    assert channel.receive() == [{"a": 1}]
    theirs.sendall(b": 2}\n")
    assert channel.receive() == [{"b": 2}]
    MessageChannel(theirs).send(c="ä\n")
    assert channel.receive() == [{"c": "ä\n"}]
    assert not channel.closed
    theirs.close()
    assert (channel.receive(), channel.closed) == ([], True)
    channel.send(d=4)
    channel.close()


def test_half_a_message_at_the_end_is_none() -> None:
    ours, theirs = socket.socketpair()
    channel = MessageChannel(ours)
    theirs.sendall(b'{"a"')
    theirs.close()
    assert (channel.receive(), channel.closed) == ([], False)
    assert (channel.receive(), channel.closed) == ([], True)
    channel.close()

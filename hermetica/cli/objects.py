"""Objects by whatever names them: a path, a digest prefix, a link, or a target that is realized."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hermetica.cli.session import Session
    from hermetica_store import StorePath


def objects_of(session: Session, text: str) -> list[StorePath]:
    """The objects that ``text`` names; of a target the outputs it selects. To be used inside ``evaluation()``.

    Raises:
        UnknownTarget: it names nothing, or what is not realized yet.
    """
    from hermetica.cli.targets import UnknownTarget, find_object  # noqa: PLC0415 -- brings the whole model

    path = find_object(text, session.objects)
    if path is not None:
        return [path]
    found: list[StorePath] = []
    for selected in session.evaluator([text]).derivations([text]):
        wanted = [(selected.derivation.input_id, output) for output in selected.outputs]
        for output, known in zip(selected.outputs, session.store.trace.unresolved_many(wanted), strict=True):
            if known is None:
                raise UnknownTarget(f"{selected.name}^{output} is not realized", hint=f"hermetica build {text}")
            found.append(known)
    return list(dict.fromkeys(found))


def object_of(session: Session, text: str) -> StorePath:
    """The one object that ``text`` names: of a target with several outputs the default one.

    Raises:
        NotADerivation: it names several derivations.
    """
    from hermetica.cli.targets import UnknownTarget, find_object  # noqa: PLC0415 -- brings the whole model

    path = find_object(text, session.objects)
    if path is not None:
        return path
    selected = session.evaluator([text]).one(text)
    wanted = [(selected.derivation.input_id, selected.outputs[0])]
    known = session.store.trace.unresolved_many(wanted)[0]
    if known is None:
        raise UnknownTarget(f"{selected.name} is not realized", hint=f"hermetica build {text}")
    return known


def chosen(session: Session) -> list[StorePath] | None:
    """The objects that the command line's targets name; None where it names none."""
    if not session.options.targets:
        return None
    from hermetica.model import evaluation  # noqa: PLC0415 -- most of these commands name no targets

    with evaluation():
        return [path for text in session.options.targets for path in objects_of(session, text)]

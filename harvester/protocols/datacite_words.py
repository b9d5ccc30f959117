"""DataCite's controlled words in their own spelling, whatever the case an upstream writes them in."""

from __future__ import annotations

import re

from harvester.fields import Raw


def _by_lower_case(words: str) -> dict[str, str]:
    return {word.lower(): word for word in re.findall(r"\w+", words)}


KINDS = _by_lower_case("""
    Audiovisual Award Book BookChapter Collection ComputationalNotebook ConferencePaper ConferenceProceeding
    DataPaper Dataset Dissertation Event Image Instrument InteractiveResource Journal JournalArticle Model
    OutputManagementPlan PeerReview PhysicalObject Poster Preprint Presentation Project Report Service
    Software Sound Standard StudyRegistration Text Workflow Other""")
"""resourceTypeGeneral of DataCite 4.6, and Poster and Presentation, which InvenioRDM writes since 2026."""

RELATIONS = _by_lower_case("""
    IsCitedBy Cites IsSupplementTo IsSupplementedBy IsContinuedBy Continues IsDescribedBy Describes
    HasMetadata IsMetadataFor HasVersion IsVersionOf IsNewVersionOf IsPreviousVersionOf IsPartOf HasPart
    IsPublishedIn
    IsReferencedBy References IsDocumentedBy Documents IsCompiledBy Compiles IsVariantFormOf IsOriginalFormOf
    IsIdenticalTo IsReviewedBy Reviews IsDerivedFrom IsSourceOf IsRequiredBy Requires IsObsoletedBy Obsoletes
    IsTranslationOf HasTranslation IsCollectedBy Collects""")
"""relationType of DataCite 4.6."""

ROLES = _by_lower_case("""
    ContactPerson DataCollector DataCurator DataManager Distributor Editor HostingInstitution Producer
    ProjectLeader ProjectManager ProjectMember RegistrationAgency RegistrationAuthority RelatedPerson
    Researcher ResearchGroup RightsHolder Sponsor Supervisor Translator WorkPackageLeader Other""")
"""contributorType of DataCite 4.6."""


def kind(said: Raw) -> str:
    """Answer a resourceTypeGeneral; "Datasets" (Zenodo, 2023) is one of them, a word of nobody's is Other."""
    name = str(said or "").strip().lower()
    return KINDS.get(name) or KINDS.get(name.removesuffix("s"), "Other")


def relation(said: Raw) -> str:
    """Answer a relationType; a new one is told by its own name."""
    name = str(said or "References").strip()
    return RELATIONS.get(name.lower()) or name[:1].upper() + name[1:]


def role(said: Raw) -> str | None:
    """Answer a contributorType; a new one is told by its own name."""
    name = str(said or "").strip()
    return ROLES.get(name.lower(), name) or None

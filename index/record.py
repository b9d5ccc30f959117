"""The record: one data set as Headwater knows it, whatever repository it came from.

A record is frozen. Every field says what it means, which DataCite 4.6 and schema.org term it equals, and
shows an example. Unknown is None (or an empty tuple for a list), never "" or "N/A". Dates may be partial
("2021-02"): what the upstream did not say is not invented.

Identity is `id`: the source's name, a colon, and the upstream's own id. It is stable for ever. Versions
and copies of one data set are separate records; what belongs together is a question for another layer.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Json: TypeAlias = dict[str, Any]
"""A stored record, whose model was checked when it came in."""

MODEL_VERSION = 1
"""Raised when a field is added, renamed or changes meaning; stored records say which one wrote them."""

PARTIAL_DATE = r"^\d{4}(-\d{2}(-\d{2})?)?$"
DATE_OR_TIME = r"^\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}:\d{2}Z)?)?)?$"

Access = Literal["open", "embargoed", "restricted", "closed", "metadata-only", "unknown"]


def means(
    what: str, *, datacite: str | None = None, schema: str | None = None, example: object = None
) -> Any:  # noqa: ANN401  # pydantic's Field() is typed Any as well
    """Describe a field: its meaning, its equal in DataCite 4.6 and schema.org, and an example."""
    return Field(
        description=what,
        examples=[] if example is None else [example],
        json_schema_extra={"datacite": datacite, "schema.org": schema},
    )


class Part(BaseModel):
    """Something that stands inside a record. Frozen, and refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Identifier(Part):
    """An identifier of the data set itself, in the scheme that gives it meaning."""

    scheme: Annotated[str, means("Kind of identifier, lower case", example="doi")]
    value: Annotated[str, means("The identifier, normalized", example="10.6019/empiar-10988")]


class Affiliation(Part):
    """Where a person worked, as stated for this data set."""

    name: Annotated[str, means("Name as given", schema="name", example="McGill University")]
    ror: Annotated[str | None, means("ROR id, bare", example="01pxwe438")] = None


class Creator(Part):
    """A person or organization that made the data set."""

    name: Annotated[str, means("Name as given", datacite="creatorName", schema="name", example="Doe, Jane")]
    given: Annotated[str | None, means("Given names or initials", datacite="givenName", example="Jane")] = (
        None
    )
    family: Annotated[str | None, means("Family name", datacite="familyName", example="Doe")] = None
    orcid: Annotated[
        str | None,
        means("ORCID iD whose checksum holds", schema="sameAs", example="0000-0002-1825-0097"),
    ] = None
    affiliations: Annotated[
        tuple[Affiliation, ...], means("Stated affiliations", datacite="affiliation")
    ] = ()


class Contributor(Creator):
    """Somebody who helped without being a creator."""

    role: Annotated[str | None, means("What they did", datacite="contributorType", example="DataCurator")] = (
        None
    )


class Dates(Part):
    """When things happened. Partial dates stay partial; times are UTC, to the second."""

    published: Annotated[
        str | None,
        means(
            "Made public",
            datacite="Issued",
            schema="datePublished",
            example="2022-11-17",
        ),
    ] = Field(default=None, pattern=PARTIAL_DATE)
    created: Annotated[
        str | None,
        means("Deposited or created", datacite="Created", schema="dateCreated", example="2021-09"),
    ] = Field(default=None, pattern=DATE_OR_TIME)
    modified: Annotated[
        str | None,
        means(
            "Last changed, by the upstream's word",
            datacite="Updated",
            schema="dateModified",
            example="2023-01-20T10:00:00Z",
        ),
    ] = Field(default=None, pattern=DATE_OR_TIME)
    available: Annotated[
        str | None, means("End of an embargo", datacite="Available", example="2027-01-01")
    ] = Field(default=None, pattern=PARTIAL_DATE)


class Withdrawal(Part):
    """That the upstream took the data set back. A record with one is a tombstone."""

    date: Annotated[str | None, means("When, if known", datacite="Withdrawn")] = None
    reason: Annotated[str, means("Why, in the upstream's words or ours", example="status OBS")]
    url: Annotated[str | None, means("The upstream's own tombstone page")] = None


class License(Part):
    """What one may do with the data."""

    spdx: Annotated[str | None, means("SPDX id", datacite="rightsIdentifier", example="CC-BY-4.0")] = None
    name: Annotated[str | None, means("Name as given", datacite="rights", example="CC BY 4.0")] = None
    url: Annotated[str | None, means("Address of the text", datacite="rightsURI")] = None
    open: Annotated[
        bool | None,
        means("Conforms to the Open Definition 2.1; None when we cannot tell", example=True),
    ] = None


class Subject(Part):
    """A term that classifies the data set, with its scheme where there is one."""

    label: Annotated[str, means("The term", datacite="subject", example="Cell biology")]
    scheme: Annotated[str | None, means("Vocabulary", datacite="subjectScheme")] = None
    id: Annotated[str | None, means("Id in it", datacite="valueURI", example="GO:0060438")] = None


class Term(Part):
    """A term of one fixed vocabulary. The label is always there; an id only when both agree."""

    label: Annotated[str, means("Label as given", example="Mus musculus")]
    id: Annotated[str | None, means("Compact id: NCBITaxon for organisms, FBbi for methods")] = None


class Funding(Part):
    """A grant, as far as the upstream names it."""

    funder: Annotated[str | None, means("Funder", datacite="funderName", schema="funder")] = None
    ror: Annotated[str | None, means("ROR id of the funder, bare", example="00k4n6c32")] = None
    funder_doi: Annotated[str | None, means("Crossref Funder id", example="10.13039/501100000780")] = None
    award: Annotated[str | None, means("Grant number as given", datacite="awardNumber")] = None
    title: Annotated[str | None, means("Title of the grant", datacite="awardTitle")] = None
    url: Annotated[str | None, means("Page of the grant", datacite="awardURI")] = None
    evidence: Annotated[
        str | None, means("Where it was said", example="structured field grant_references")
    ] = None


class Related(Part):
    """Another thing this data set points at."""

    relation: Annotated[str, means("DataCite relationType", datacite="relationType", example="IsDerivedFrom")]
    id: Annotated[str, means("The other's identifier, normalized", example="EMD-11992")]
    scheme: Annotated[str | None, means("Its scheme", datacite="relatedIdentifierType", example="emdb")] = (
        None
    )
    kind: Annotated[str | None, means("Its resourceTypeGeneral", example="Dataset")] = None
    title: Annotated[str | None, means("Its title, if given")] = None


class Publication(Part):
    """A paper that describes or uses the data set, by the upstream's word."""

    doi: Annotated[str | None, means("DOI, lower case", example="10.1083/jcb.201908065")] = None
    pmid: Annotated[str | None, means("PubMed id", example="24943848")] = None
    pmcid: Annotated[str | None, means("PubMed Central id", example="PMC4142622")] = None
    title: Annotated[str | None, means("Title", schema="name")] = None
    authors: Annotated[str | None, means("Authors, as one string, as given")] = None
    journal: Annotated[str | None, means("Journal", schema="isPartOf")] = None
    year: Annotated[int | None, means("Year of publication", example=2014)] = None
    preprint: Annotated[bool | None, means("Said to be a preprint")] = None


class File(Part):
    """One file of the data set."""

    name: Annotated[str, means("Name or path", schema="name", example="HeLa.ome.tif")]
    bytes: Annotated[int | None, means("Size in bytes", schema="contentSize")] = None
    format: Annotated[str | None, means("Format, lower case", example="ome.tif")] = None
    checksum: Annotated[
        str | None, means("Algorithm and digest", example="md5:15a6eaa9a20171ab485fb626ebc7b173")
    ] = None
    url: Annotated[str | None, means("Direct download", schema="contentUrl")] = None


class Files(Part):
    """The files in sum, and those the upstream lists one by one (at most 200 are kept)."""

    count: Annotated[int | None, means("Number of files", example=219606)] = None
    bytes: Annotated[int | None, means("Sum of sizes in bytes", datacite="size", example=10055699234784)] = (
        None
    )
    formats: Annotated[
        tuple[str, ...], means("File formats, lower case", datacite="format", example=["czi"])
    ] = ()
    listed: Annotated[tuple[File, ...], means("Files by name")] = ()


class Axes(Part):
    """Numbers along the axes of an image. Pixels for sizes, nanometers for pixel sizes."""

    x: float | None = None
    y: float | None = None
    z: float | None = None
    c: float | None = None
    t: float | None = None


class Images(Part):
    """What is known of the images themselves."""

    count: Annotated[int | None, means("Number of images", example=109728)] = None
    dimensions: Annotated[Axes | None, means("Typical image: pixels, planes, channels, times")] = None
    pixel_size_nm: Annotated[Axes | None, means("Typical pixel, in nanometers")] = None


class Links(Part):
    """Where to go. `landing` always leads back to the repository that holds the data."""

    landing: Annotated[str | None, means("Page at the repository", schema="url")] = None
    viewer: Annotated[str | None, means("See it in the browser")] = None
    thumbnail: Annotated[str | None, means("Small picture", schema="thumbnailUrl")] = None
    download: Annotated[str | None, means("Where the files are", schema="distribution")] = None
    api: Annotated[str | None, means("The upstream's own machine-readable record")] = None


class Count(Part):
    """A number somebody counted, with who said so and when."""

    value: int
    said_by: Annotated[str, means("Who counted", example="zenodo")]
    at: Annotated[str | None, means("When it was read", example="2026-08-11")] = None


class Metrics(Part):
    """Use, as counted by others."""

    views: Count | None = None
    downloads: Count | None = None
    citations: Count | None = None


class Record(Part):
    """One data set."""

    id: Annotated[
        str,
        means("Source and upstream id; stable for ever", example="idr:idr0002"),
    ] = Field(pattern=r"^[a-z][a-z0-9]*:\S+$")
    source: Annotated[str, means("Name of the source", example="idr")]
    kind: Annotated[
        str, means("DataCite resourceTypeGeneral", datacite="resourceTypeGeneral", schema="@type")
    ] = "Dataset"
    title: Annotated[str | None, means("Title, plain text", datacite="title", schema="name")] = None
    description: Annotated[
        str | None, means("Description, plain text", datacite="Abstract", schema="description")
    ] = None
    language: Annotated[
        str | None, means("ISO 639 code as given", datacite="language", schema="inLanguage")
    ] = None
    version: Annotated[
        str | None, means("Version as given", datacite="version", schema="version", example="v1.2")
    ] = None
    identifiers: Annotated[tuple[Identifier, ...], means("All its identifiers", datacite="identifier")] = ()
    doi: Annotated[str | None, means("DOI of this version, lower case", datacite="DOI")] = None
    concept_doi: Annotated[str | None, means("DOI that stands for all versions", datacite="IsVersionOf")] = (
        None
    )
    creators: Annotated[
        tuple[Creator, ...], means("Makers, in order", datacite="creator", schema="creator")
    ] = ()
    contributors: Annotated[
        tuple[Contributor, ...], means("Helpers", datacite="contributor", schema="contributor")
    ] = ()
    publisher: Annotated[str | None, means("Publisher", datacite="publisher", schema="publisher")] = None
    dates: Annotated[Dates, means("When things happened", datacite="date")] = Dates()
    withdrawn: Annotated[Withdrawal | None, means("Set when the upstream took it back: a tombstone")] = None
    license: Annotated[
        License | None, means("The license that governs", datacite="rights", schema="license")
    ] = None
    rights: Annotated[tuple[License, ...], means("Further statements of rights")] = ()
    access: Annotated[
        Access, means("Who may get the files", schema="isAccessibleForFree", example="open")
    ] = "unknown"
    keywords: Annotated[tuple[str, ...], means("Free keywords", datacite="subject", schema="keywords")] = ()
    subjects: Annotated[
        tuple[Subject, ...], means("Classified terms", datacite="subject", schema="about")
    ] = ()
    organisms: Annotated[tuple[Term, ...], means("Species imaged", schema="taxonomicRange")] = ()
    imaging_methods: Annotated[
        tuple[Term, ...], means("How it was imaged", schema="measurementTechnique")
    ] = ()
    anatomy: Annotated[tuple[str, ...], means("Organs and tissues", example=["brain"])] = ()
    cell_lines: Annotated[tuple[str, ...], means("Cell lines", example=["HeLa"])] = ()
    instruments: Annotated[tuple[str, ...], means("Instruments")] = ()
    study_type: Annotated[tuple[str, ...], means("Kinds of study", example=["high content screen"])] = ()
    funding: Annotated[
        tuple[Funding, ...], means("Grants", datacite="fundingReference", schema="funding")
    ] = ()
    related: Annotated[
        tuple[Related, ...], means("Other things it points at", datacite="relatedIdentifier")
    ] = ()
    publications: Annotated[
        tuple[Publication, ...], means("Papers", datacite="IsSupplementTo", schema="citation")
    ] = ()
    files: Annotated[Files, means("Files", schema="distribution")] = Files()
    images: Annotated[Images, means("Images")] = Images()
    links: Annotated[Links, means("Where to go")] = Links()
    metrics: Annotated[Metrics, means("Use, as counted by others")] = Metrics()
    taken_for: Annotated[tuple[str, ...], means("Why it is in scope", example=["file format czi"])] = ()
    retrieved_at: Annotated[
        str | None, means("When we read it from the upstream", example="2026-08-11T09:52:35Z")
    ] = None
    upstream_modified: Annotated[
        str | None, means("The stamp by which the upstream tells changes, verbatim")
    ] = None
    mapping_version: Annotated[int, means("Version of the mapping that wrote this record")] = 1

"""The words of the demo: a made-up company, Alderbrook, with its people, places, departments and business subjects.

Only vocabularies live here; what is drawn from them belongs to the module that draws. Order matters: sizes follow it
(the first domain has the most tables), and a change changes every demo written afterwards.
"""

from __future__ import annotations

from typing import NamedTuple

MAIL = "alderbrook.example"
URL = "https://alderbrook.immuta.example"

FIRST_NAMES = (
    "Aisha", "Alejandro", "Amélie", "Anna", "Ben", "Björn", "Carla", "Chidi", "Chloë", "Daniel", "Divya", "Emre",
    "Fatima", "Felix", "François", "Grace", "Hannah", "Ingrid", "Ivan", "James", "João", "Jürgen", "Kofi", "Laura",
    "Liam", "Łucja", "Maria", "Mateus", "Meera", "Michael", "Nia", "Noah", "Olivia", "Øystein", "Paul", "Priya",
    "Rachel", "Renée", "Ravi", "Samuel", "Sara", "Siobhán", "Sofia", "Thomas", "Tomás", "Ursula", "Victor", "Yusuf",
    "Zoë", "Žiga",
)  # fmt: skip
LAST_NAMES = (
    "Adeyemi", "Andersson", "Bauer", "Brown", "Castillo", "Çelik", "Cooper", "D'Angelo", "Dubois", "Ekström", "Fischer",
    "García", "Gupta", "Hansen", "Hernández", "Hughes", "Iyer", "Jensen", "Johnson", "Kamau", "Kowalski", "Krüger",
    "Lefèvre", "Lindqvist", "MacDonald", "Martin", "Mensah", "Meyer-Lüdtke", "Müller", "Nakamura", "Novák", "O'Brien",
    "O'Connor", "Okafor", "Oliveira", "Patel", "Pérez", "Rossi", "Santos", "Schäfer", "Schmidt", "Silva", "Smith",
    "Sørensen", "Taylor", "van der Berg", "Vogel", "Williams", "Yılmaz", "Zając",
)  # fmt: skip
EAST_ASIAN_NAMES = (
    ("王伟", "wei.wang"), ("李娜", "na.li"), ("张敏", "min.zhang"), ("刘洋", "yang.liu"), ("陈静", "jing.chen"),
    ("佐藤 健", "ken.sato"), ("鈴木 美咲", "misaki.suzuki"), ("高橋 翔", "sho.takahashi"), ("김민준", "minjun.kim"),
    ("이서연", "seoyeon.lee"),
)  # fmt: skip
LATIN = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ı": "i", "'": "", " ": ""})
"""What Unicode decomposition does not bring to ASCII."""

TITLES = ("Specialist", "Senior Specialist", "Analyst", "Senior Analyst", "Manager", "Associate", "Engineer")
CITIES = {
    "Zürich": "EMEA", "Chicago": "AMER", "Singapore": "APAC", "Berlin": "EMEA", "London": "EMEA", "São Paulo": "AMER",
    "Kraków": "EMEA", "Tokyo": "APAC", "Toronto": "AMER", "Paris": "EMEA", "Sydney": "APAC", "Austin": "AMER",
}  # fmt: skip
"""City → region."""

DIVISIONS = {
    "Commercial": {
        "Store Operations": "Sales", "Key Account Sales": "Sales", "Partner Management": "Sales",
        "Customer Service": "Customer", "Billing": "Customer", "Retention": "Customer",
    },
    "Operations": {
        "Logistics": "Supply Chain", "Procurement": "Supply Chain", "Manufacturing": "Manufacturing",
        "Quality Assurance": "Manufacturing", "Demand Planning": "Supply Chain",
    },
    "Technology": {
        "Data & Analytics": "Technology", "Platform Engineering": "Technology", "Product Engineering": "Product",
        "IT Service": "Technology", "Information Security": "Technology",
    },
    "Finance": {"Accounting": "Finance", "Controlling": "Finance", "Treasury": "Finance", "Tax": "Finance"},
    "Marketing": {"Campaigns": "Marketing", "Digital": "Marketing", "Brand": "Marketing", "Pricing": "Product"},
    "Research": {"Clinical Research": "Research", "Formulation": "Research", "Market Insights": "Research"},
    "People & Culture": {"HR Partners": "People", "Payroll": "People", "Talent Acquisition": "People"},
    "Risk & Legal": {"Fraud Prevention": "Risk", "Credit Risk": "Risk", "Compliance": "Risk", "Legal": "Legal"},
}  # fmt: skip
"""Division → department → the domain of data the department works with."""
DEPARTMENTS = {department: domain for departments in DIVISIONS.values() for department, domain in departments.items()}

DOMAINS = {
    "Customer": {
        "Profile": "customer* address* household* preference* consent* segment",
        "Service": "ticket* call* chat* complaint* csat_score agent*",
        "Billing": "invoice* dunning_run credit_note payment_method* metered_usage tariff",
        "Churn": "churn_score retention_offer lifetime_value cohort risk_flag exit_interview*",
    },
    "Finance": {
        "General Ledger": "journal_entry account_balance cost_allocation trial_balance fiscal_period intercompany",
        "Payments": "payment refund chargeback payout settlement bank_account*",
        "Treasury": "cash_position fx_rate hedge loan deposit bank_statement",
        "Tax": "tax_return vat_record tax_rate withholding filing jurisdiction",
    },
    "Sales": {
        "Orders": "order order_line quote return_note discount subscription",
        "Accounts": "account contact* opportunity territory contract lead*",
        "Stores": "store till_transaction footfall shift* stock_count promotion",
        "Partners": "reseller partner_contact* rebate partner_deal certification commission",
    },
    "Marketing": {
        "Campaigns": "campaign email_send* click audience* coupon landing_page",
        "Web": "session page_view visitor* experiment search_query cookie_consent*",
        "Loyalty": "member* points_balance reward tier redemption survey_answer*",
        "Brand": "media_spend press_mention sponsorship brand_tracker creative_asset agency",
    },
    "Supply Chain": {
        "Logistics": "shipment route carrier customs_entry delivery driver*",
        "Procurement": "purchase_order supplier supplier_contact* sourcing_event invoice_match spend",
        "Inventory": "stock_level warehouse movement stock_forecast lot reorder_point",
        "Planning": "demand_plan capacity scenario plan_calendar constraint_set service_level",
    },
    "Product": {
        "Catalogue": "product variant list_price category bundle review*",
        "Telemetry": "app_event crash feature_flag device* release latency",
        "Pricing": "price_list elasticity competitor_price markdown price_test margin",
        "Roadmap": "idea epic sprint release_note defect_ticket objective",
    },
    "Technology": {
        "Operations": "incident change_ticket host deployment alert_event capacity_sample",
        "Security": "login* vulnerability access_review* phishing_report* tls_certificate firewall_log",
        "Data Platform": "pipeline_run table_lineage quality_check query_log* catalogue_entry job",
        "FinOps": "cloud_cost licence_usage budget commitment showback_report tagging_gap",
    },
    "Risk": {
        "Fraud": "fraud_alert fraud_case* device_fingerprint* blocklist* rule_hit loss_event",
        "Credit": "credit_score* exposure credit_limit collateral default_event rating",
        "Compliance": "sanction_hit* kyc_file* control finding attestation* regulator_report",
        "Insurance": "claim* cover premium broker reserve reinsurance",
    },
    "Manufacturing": {
        "Production": "work_order batch machine_event downtime yield shift_plan",
        "Quality": "inspection defect sample_result recall release_certificate deviation",
        "Maintenance": "machine sensor_reading spare_part service_order technician* failure_mode",
        "Energy": "meter_reading emission energy_contract water_usage waste_record target",
    },
    "Research": {
        "Clinical": "trial trial_subject* visit* adverse_event* lab_result* site",
        "Formulation": "recipe ingredient stability_test patent lab_run supplier_sample",
        "Market": "panel* survey trend competitor focus_group* benchmark",
        "Models": "feature_set training_run model_score drift_report label_set embedding",
    },
    "People": {
        "Employees": "employee* position org_unit absence* emergency_contact* badge*",
        "Payroll": "payslip* salary* bonus* bank_detail* tax_card* expense_claim*",
        "Recruiting": "candidate* application* interview* job_posting offer* referral*",
        "Learning": "course enrolment* skill training_plan assessment* training_budget",
    },
    "Legal": {
        "Contracts": "agreement clause counterparty obligation amendment signatory*",
        "Litigation": "matter legal_hold* custodian* outside_counsel settlement_offer hearing",
        "Privacy": "processing_record subject_request* breach_report transfer vendor_assessment retention_rule",
        "Property": "lease building floor_plan rent_payment permit tenancy",
    },
}
"""Domain → subdomain → subjects of tables; a star marks subjects that hold personal data."""

DATABASE_VARIANTS = (
    "PROD", "ANALYTICS", "SANDBOX", "ARCHIVE", "DE", "US", "JP", "FR", "UK", "BR", "SG", "ES", "IT", "PL", "CA", "AU",
    "NL", "BE", "AT", "CH", "SE", "NO", "DK", "FI", "PT", "IE", "CZ", "HU", "RO", "GR", "TR", "ZA", "AE", "IN", "CN",
    "KR", "TH", "VN", "ID", "MY", "PH", "MX", "AR", "CL", "CO",
)  # fmt: skip
TABLE_FORMS = {
    "DIM_{}": "Curated", "FACT_{}": "Curated", "{}_DAILY": "Gold", "RAW_{}": "Raw", "STG_{}": "Raw",
    "{}_HISTORY": "Curated", "V_{}": "Gold", "{}_MONTHLY": "Gold", "AGG_{}": "Gold", "{}_SNAPSHOT": "Curated",
    "EXT_{}": "Raw", "{}_CURRENT": "Gold",
}  # fmt: skip
"""Form of a table name → layer."""


class DemoConnection(NamedTuple):
    """Where databases live: one connection of the tenant."""

    technology: str
    hostname: str
    port: int

    @property
    def connection(self) -> str:
        """Connection string as data sources carry it."""
        return f"{self.hostname}:{self.port}"


_SNOWFLAKE_EU = DemoConnection("Snowflake", "alderbrook-eu.snowflake.example", 443)
_SNOWFLAKE_US = DemoConnection("Snowflake", "alderbrook-us.snowflake.example", 443)
_DATABRICKS_EU = DemoConnection("Databricks", "dbc-7f3a-eu.databricks.example", 443)
_DATABRICKS_US = DemoConnection("Databricks", "dbc-19c4-us.databricks.example", 443)
PLATFORMS = (
    _SNOWFLAKE_EU,
    _DATABRICKS_EU,
    _SNOWFLAKE_US,
    _SNOWFLAKE_EU,
    _DATABRICKS_US,
    DemoConnection("Redshift", "warehouse.redshift.example", 5439),
    _SNOWFLAKE_US,
    _DATABRICKS_EU,
    _SNOWFLAKE_EU,
    DemoConnection("Trino", "starburst.alderbrook.example", 8443),
    _SNOWFLAKE_US,
    DemoConnection("Google BigQuery", "bigquery.googleapis.example", 443),
    _DATABRICKS_US,
    _SNOWFLAKE_EU,
    DemoConnection("PostgreSQL", "pg-apps.alderbrook.example", 5432),
    _SNOWFLAKE_US,
    _DATABRICKS_EU,
    DemoConnection("Azure Synapse Analytics", "synapse.alderbrook.example", 1433),
    _SNOWFLAKE_EU,
)
"""Databases are spread over these in turn: most on Snowflake and Databricks."""

BIRTHRIGHT_GROUPS = ("All Employees", "Collaboration Suite", "VPN Users", "Travel & Expenses")
ROLES = {
    "Data Analysts": 0.16, "Data Engineers": 0.08, "Data Scientists": 0.05, "BI Developers": 0.06,
    "Business Controllers": 0.07, "Product Managers": 0.06, "Data Stewards": 0.04, "Model Validators": 0.02,
    "Internal Audit": 0.008, "Privacy Office": 0.006, "Legal Hold Team": 0.01,
}  # fmt: skip
"""Role bundle → share of the employees who have it."""
CODENAMES = (
    "aurora", "basalt", "cobalt", "delta", "ember", "fjord", "granite", "harbor", "indigo", "juniper", "kestrel",
    "lagoon", "meadow", "nimbus", "orchid", "pioneer", "quartz", "ripple", "sierra", "tundra",
)  # fmt: skip
CLEARANCES = ("Public", "Internal", "Confidential", "Restricted")
"""Lowest first; who has one also has those before it."""
TRAININGS = ("Privacy Essentials", "Data Steward Basics", "Anti Money Laundering", "GxP Records")


def list_subjects(domain: str, subdomain: str) -> list[tuple[str, bool]]:
    """Return the table subjects of a subdomain, each with whether it holds personal data."""
    return [(word.rstrip("*"), word.endswith("*")) for word in DOMAINS[domain][subdomain].split()]


def list_domain_tags() -> list[str]:
    """Return the tag of every subdomain, such as ``Domain.Finance.Payments``, largest domains first."""
    return [f"Domain.{domain}.{subdomain}" for domain, subdomains in DOMAINS.items() for subdomain in subdomains]

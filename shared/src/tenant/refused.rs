//! Columns that mean pay or identity. A tenant document that names one is refused, so that such a value can't even be read.

/// `PeopleSoft` field names whose values must never be read: amounts of money and what identifies a person to a bank or a
/// state. A list of words, to be added to; compared with a column's name after the alias, in any case.
pub(super) const REFUSED_FIELDS: &[&str] = &[
    // pay, by rate
    "ANNUAL_RT",
    "MONTHLY_RT",
    "HOURLY_RT",
    "DAILY_RT",
    "WEEKLY_RT",
    "COMPRATE",
    "COMP_RATE",
    "COMP_RATECD_AMT",
    "COMPRATE_USED",
    "COMP_PCT",
    "CHANGE_AMT",
    "CHANGE_PCT",
    "ANNL_BENEF_BASE_RT",
    "SHIFT_RT",
    "CHANGE_POINTS",
    "COMP_RATE_POINTS",
    "CNT_ANNUAL_RT",
    "CURRENCY_RT",
    "GVT_COMPRATE",
    "GVT_BIWEEKLY_RT",
    "JOB_HOURLY_RT",
    "FTE_ANNUAL_RT",
    "MIN_RT",
    "MAX_RT",
    "MID_RT",
    // pay, by payment
    "NET_PAY",
    "NETPAY",
    "NET_PAY_AMT",
    "TOTAL_GROSS",
    "TOTAL_TAXES",
    "TOTAL_DEDUCTIONS",
    "TOTAL_EARNS",
    "GROSS",
    "GROSS_PAY",
    "GROSS_AMT",
    "EARNS",
    "EARNINGS",
    "EARN_AMT",
    "OTH_EARNS",
    "REG_EARNS",
    "REG_HRLY_EARNS",
    "REG_EARNS_AMT",
    "OT_HRLY_EARNS",
    "DEDUCTIONS",
    "DED_CUR",
    "DEDUCTION_AMT",
    "DED_AMT",
    "GRS_YTD",
    "NET_YTD",
    "TAX_CUR",
    "TAXGRS_CUR",
    "TXGRS_CUR",
    "NLGRS_CUR",
    "TAX_YTD",
    "CHECK_AMT",
    "DEPOSIT_AMT",
    "PAYMENT_AMT",
    "AMOUNT",
    "AMT",
    "SALARY",
    "BONUS",
    "BONUS_AMT",
    "COMMISSION",
    "CALC_RSLT_VAL",
    "CALC_VAL",
    "GP_AMT",
    "AMT_VAL",
    "PIN_AMT",
    "FLAT_AMT",
    "FLAT_DED_AMT",
    "GOAL_AMT",
    "COVERAGE_AMT",
    "CONTRIB_AMT",
    "EMPL_CONTRBUTN_AMT",
    "ANN_SALARY",
    "GARN_AMT",
    "GARNID",
    "NET_CLAIM_AMT",
    "AFTER_TAX_COST",
    "BEFORE_TAX_COST",
    "COST_AMT",
    "PAY_AMT",
    "PAY_RATE",
    "WAGE",
    "WAGES",
    // who a person is to a bank or a state
    "NATIONAL_ID",
    "NATIONAL_ID_TYPE",
    "NID",
    "SSN",
    "SSN_NUM",
    "SIN",
    "SOCIAL_SECURITY",
    "SOCIAL_SEC_NBR",
    "TAX_ID",
    "TAXPAYER_ID",
    "PASSPORT_NBR",
    "PASSPORT_NUM",
    "VISA_PERMIT_NBR",
    "DRIVERS_LIC_NBR",
    "DRIVERS_LIC_NUM",
    "LICENSE_NBR",
    "BIRTHDATE",
    "BIRTH_DT",
    "DOB",
    "BIRTHPLACE",
    "DT_OF_DEATH",
    "ACCOUNT_EC_ID",
    "ACCOUNT_NUM",
    "ACCOUNT_NBR",
    "BANK_CD",
    "BANK_ACCOUNT_NUM",
    "BRANCH_EC_CD",
    "IBAN_ID",
    "IBAN",
    "INTL_BANK_ACCT_NBR",
    "TRANSIT_NBR",
    "BNK_ID_NBR",
    "ROUTING_NUM",
    "CHECK_DIGIT",
    "CREDIT_CARD_NBR",
    "CR_CARD_NBR",
    "SEX",
    "ETHNIC_GRP_CD",
    "ETHNIC_GROUP",
    "DISABLED",
    "MAR_STATUS",
];

/// Endings of field names that mean money, whatever stands before them.
const REFUSED_ENDINGS: &[&str] =
    &["_AMT", "_AMOUNT", "_EARNS", "_GROSS", "_GRS", "_SALARY", "_WAGE", "_WAGES", "_COMPRATE", "_SSN", "_NATIONAL_ID"];

/// Why a column must not be read, if it must not.
pub(super) fn reason(column: &str) -> Option<String> {
    let field = column.rsplit('.').next().unwrap_or(column).trim().to_ascii_uppercase();
    let refused =
        REFUSED_FIELDS.contains(&field.as_str()) || REFUSED_ENDINGS.iter().any(|ending| field.ends_with(ending));
    refused
        .then(|| format!("{column:?} means pay or identity, which this connector never reads; choose another column"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pay_and_identity_are_refused_by_name_whatever_the_alias_and_case() {
        let check = |column: &str, expect: bool| assert_eq!(reason(column).is_some(), expect, "{column}");
        for field in [
            "NET_PAY",
            "A.NET_PAY",
            "b.net_pay",
            "ANNUAL_RT",
            "MONTHLY_RT",
            "HOURLY_RT",
            "TOTAL_GROSS",
            "EARNS",
            "GROSS",
            "DEDUCTIONS",
            "X.COMPRATE",
            "NATIONAL_ID",
            "SSN",
            "BIRTHDATE",
            "ACCOUNT_EC_ID",
            "BANK_CD",
            "A.MY_AMT",
        ] {
            check(field, true);
        }
        for field in [
            "A.EMPLID",
            "A.CHECK_DT",
            "A.PAY_END_DT",
            "B.NAME_DISPLAY",
            "C.PHONE",
            "EXPR1_1",
            "A.START_TIME",
            "A.SEPCHK",
            "E.DESCR",
        ] {
            check(field, false);
        }
    }
}

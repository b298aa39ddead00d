//! Invents employees: names from many places, departments, job titles, languages, and what each wants to hear.

use super::Expected;
use super::phones::{self, Phone};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use std::collections::HashSet;

/// One employee.
pub(super) struct Employee {
    pub(super) id: String,
    pub(super) first: &'static str,
    pub(super) last: &'static str,
    /// `ENG` or `ESP`.
    pub(super) language: &'static str,
    pub(super) department: &'static str,
    pub(super) job_title: &'static str,
    pub(super) site: &'static str,
    pub(super) phone: Phone,
    /// `Y`, `N` or nothing.
    pub(super) opted_out: &'static str,
    /// `S` (text), `N` (none) or nothing.
    pub(super) preference: &'static str,
}

const SITES: [&str; 3] = ["St. Luke's Main Campus", "Lakeview Pavilion", "Prairie Street Clinic"];

const DEPARTMENTS: [(&str, &[&str]); 14] = [
    ("Emergency Department", &["Registered Nurse", "Emergency Physician", "Triage Nurse", "Patient Care Technician"]),
    ("Intensive Care", &["Critical Care Nurse", "Intensivist", "Respiratory Therapist"]),
    ("Radiology", &["Radiologic Technologist", "Radiologist", "MRI Technologist"]),
    ("Surgery", &["Surgical Technologist", "Operating Room Nurse", "Surgeon", "Sterile Processing Technician"]),
    ("Pediatrics", &["Pediatric Nurse", "Pediatrician", "Child Life Specialist"]),
    ("Maternity", &["Midwife", "Labor and Delivery Nurse", "Lactation Consultant"]),
    ("Oncology", &["Oncology Nurse", "Infusion Nurse", "Medical Physicist"]),
    ("Laboratory", &["Medical Laboratory Scientist", "Phlebotomist", "Histotechnician"]),
    ("Pharmacy", &["Pharmacist", "Pharmacy Technician"]),
    ("Physical Therapy", &["Physical Therapist", "Occupational Therapist"]),
    ("Food & Nutrition", &["Dietitian", "Cook", "Tray Line Attendant"]),
    ("Environmental Services", &["Housekeeper", "Linen Attendant", "Floor Care Technician"]),
    ("Facilities", &["Electrician", "HVAC Mechanic", "Security Officer"]),
    ("Patient Accounts", &["Billing Specialist", "Registration Clerk", "Medical Coder"]),
];

const FIRST: [&str; 72] = [
    "Ada", "Adwoa", "Aiko", "Aisha", "Alan", "Amara", "Amir", "Anders", "Anh", "Anika", "Arjun", "Asha", "Beatrix",
    "Bogdan", "Brigid", "Callum", "Chidi", "Chloe", "Dalia", "Daniel", "Deepa", "Dmitri", "Ebony", "Elena", "Emeka",
    "Emma", "Esther", "Farah", "Felix", "Fiona", "Goran", "Grace", "Hana", "Hassan", "Hiro", "Ifeoma", "Ingrid",
    "Isaac", "Jamal", "Jin", "Joanna", "Kavya", "Keisha", "Kofi", "Lars", "Latoya", "Leah", "Li", "Liam", "Magda",
    "Malik", "Mei", "Minh", "Nadia", "Naomi", "Ngozi", "Noor", "Olga", "Omar", "Priya", "Rashid", "Ruth", "Samir",
    "Shira", "Soo-ah", "Tariq", "Thandi", "Tomasz", "Wei", "Yusuf", "Zainab", "Zoë",
];

const LAST: [&str; 72] = [
    "Abara",
    "Achterberg",
    "Adeyemi",
    "Andersson",
    "Asante",
    "Balogun",
    "Baranski",
    "Begum",
    "Bellweather",
    "Bjornstad",
    "Boateng",
    "Brightwater",
    "Chakrabarti",
    "Chaudhry",
    "Chen",
    "Coldwell",
    "Czajka",
    "Dabrowski",
    "Desai",
    "Dube",
    "Eriksen",
    "Farouk",
    "Fairbrook",
    "Fitzwarren",
    "Greenhalgh",
    "Gupta",
    "Haddad",
    "Hollis",
    "Ibrahim",
    "Ivanova",
    "Iyer",
    "Jefferies",
    "Kaplan",
    "Kapoor",
    "Khoury",
    "Kim",
    "Kowalczyk",
    "Krishnan",
    "Larkspur",
    "Lindqvist",
    "Mahlangu",
    "Marchetti",
    "Mbeki-Hall",
    "McAllister",
    "Mehta",
    "Nakagawa",
    "Ngo",
    "Novak",
    "O'Dwyer",
    "Obi",
    "Okonjo",
    "Osei",
    "Park",
    "Patel",
    "Petrov",
    "Pham",
    "Quill",
    "Rahman",
    "Rosenthal",
    "Saito",
    "Sesay",
    "Shapiro",
    "Sokolova",
    "Tanaka",
    "Thornberry",
    "Tran",
    "Umar",
    "Vandermeer",
    "Whitlock",
    "Wu",
    "Yilmaz",
    "Zhang",
];

const FIRST_ES: [&str; 36] = [
    "Alma",
    "Amparo",
    "Andrés",
    "Araceli",
    "Beatriz",
    "Carmen",
    "César",
    "Consuelo",
    "Diego",
    "Dolores",
    "Elena",
    "Emilio",
    "Esperanza",
    "Fernando",
    "Guadalupe",
    "Gustavo",
    "Hugo",
    "Inés",
    "Isidro",
    "Jimena",
    "Joaquín",
    "José Luis",
    "Lourdes",
    "Lucía",
    "Marisol",
    "Mateo",
    "Nieves",
    "Octavio",
    "Paloma",
    "Rafael",
    "Ramón",
    "Rocío",
    "Sofía",
    "Tomás",
    "Valentina",
    "Ximena",
];

const LAST_ES: [&str; 36] = [
    "Aguilar",
    "Alarcón",
    "Arroyo",
    "Barrios",
    "Benítez",
    "Cabrera",
    "Cárdenas",
    "Castañeda",
    "De la Cruz",
    "Delgado",
    "Escobedo",
    "Fuentes",
    "Galindo",
    "Garza",
    "Ibarra",
    "Jurado",
    "Lozano",
    "Marroquín",
    "Montoya",
    "Muñoz",
    "Navarro",
    "Ocampo",
    "Olvera",
    "Palacios",
    "Peralta",
    "Quintana",
    "Rentería",
    "Robledo",
    "Saldívar",
    "Santillán",
    "Tejeda",
    "Urrutia",
    "Valdés",
    "Villaseñor",
    "Zamora",
    "Zúñiga",
];

/// Hires a staff. Who is special is drawn by lot; there are as many of each sort as the documentation of
/// [`super::hospital`] says.
pub(super) fn employ(staff: usize, random: &mut StdRng) -> Vec<Employee> {
    let mut names = HashSet::new();
    let mut id = 40_000;
    let mut employees: Vec<Employee> = (0..staff)
        .map(|index| {
            id += random.random_range(1..5);
            let spanish = random.random_ratio(1, 6);
            let (first, last) = name(spanish, &mut names, random);
            let (department, titles) = DEPARTMENTS.choose(random).unwrap_or(&DEPARTMENTS[0]);
            Employee {
                id: format!("{id:07}"),
                first,
                last,
                language: if spanish { "ESP" } else { "ENG" },
                department,
                job_title: titles.choose(random).unwrap_or(&titles[0]),
                site: SITES.choose(random).unwrap_or(&SITES[0]),
                phone: phones::domestic(index, random),
                opted_out: if random.random_ratio(1, 2) { "N" } else { "" },
                preference: if random.random_ratio(1, 5) { "S" } else { "" },
            }
        })
        .collect();
    make_special(&mut employees, random);
    employees
}

/// A name that nobody has yet, as long as there are enough.
fn name(spanish: bool, taken: &mut HashSet<(&str, &str)>, random: &mut StdRng) -> (&'static str, &'static str) {
    let mut draw = || {
        let (first, last): (&[&'static str], &[&'static str]) =
            if spanish { (&FIRST_ES, &LAST_ES) } else { (&FIRST, &LAST) };
        (*first.choose(random).unwrap_or(&first[0]), *last.choose(random).unwrap_or(&last[0]))
    };
    let mut drawn = draw();
    for _ in 0..100 {
        if taken.insert(drawn) {
            break;
        }
        drawn = draw();
    }
    drawn
}

fn make_special(employees: &mut [Employee], random: &mut StdRng) {
    enum Special {
        Phone(Phone),
        /// Has the phone of the employee before.
        Shares,
        OptedOut,
        WantsNone,
    }
    let mut specials = vec![Special::Shares];
    specials.extend(phones::unusable().chain(phones::foreign()).map(Special::Phone));
    specials.extend((0..5).map(|_| Special::OptedOut));
    specials.extend((0..4).map(|_| Special::WantsNone));
    // A small hospital has a choice of them, with one that shares a phone always among it.
    let (_, others) = specials.split_at_mut(1);
    others.shuffle(random);
    specials.truncate(employees.len() / 4);

    // Every other position at most, so that whose phone is shared has an ordinary one.
    let mut places: Vec<usize> = (1..employees.len()).step_by(2).collect();
    places.shuffle(random);
    for (special, place) in specials.into_iter().zip(places) {
        match special {
            Special::Phone(phone) => employees[place].phone = phone,
            Special::Shares => employees[place].phone = employees[place - 1].phone.clone(),
            Special::OptedOut => employees[place].opted_out = "Y",
            Special::WantsNone => employees[place].preference = "N",
        }
    }
}

impl Employee {
    pub(super) fn display_name(&self) -> String {
        format!("{} {}", self.first, self.last)
    }

    /// `Last,First`, as the NAME field has it.
    pub(super) fn name(&self) -> String {
        format!("{},{}", self.last, self.first)
    }

    /// Whether any channel may be used, and the phone works.
    pub(super) fn is_plain(&self) -> bool {
        self.opted_out != "Y" && self.preference.is_empty() && self.phone.reaches.is_ok()
    }

    pub(super) fn expected(&self, channel: &'static str) -> Expected {
        match &self.phone.reaches {
            _ if self.opted_out == "Y" => Expected::Suppressed("opted_out"),
            _ if self.preference == "N" => Expected::Suppressed("preference"),
            Err(reason) => Expected::Suppressed(reason),
            Ok(to) => {
                let language = if self.language == "ESP" { "es" } else { "en" };
                Expected::Reaches { to: to.clone(), language, channel }
            }
        }
    }
}

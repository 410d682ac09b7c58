int a; /* ‮ } ⁦if (admin)⁩ ⁦ begin */
